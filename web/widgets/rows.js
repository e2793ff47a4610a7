// A table: its head, its rows, and what to say where there are none. On a phone each row is a card.
import { Spark, State, ago, clock, duration, harmless, moment, now, own, took, until } from "roundhouse";

export default {
  components: { Spark, State },
  props: { columns: Array, rows: Array, label: String, empty: String, command: String, picks: Boolean },
  emits: ["act", "pick"],
  template: `
    <div class="rows-empty" v-if="!rows.length"><p>{{ empty }}</p><code v-if="command">{{ command }}</code></div>
    <div class="rows-frame" v-else tabindex="0" role="region" :aria-label="label">
      <table class="rows" :aria-label="label">
        <thead><tr>
          <th v-if="picks" class="pick"><span class="unseen">choose</span></th>
          <th v-for="n in filled" :key="n" scope="col" :class="columns[n].kind">{{ columns[n].head }}</th>
        </tr></thead>
        <tbody>
          <tr v-for="row in rows" :key="row.key" :class="row.tone && 'row-' + row.tone">
            <td v-if="picks" class="pick"><input type="checkbox" v-model="picked" :value="row.key"
              :aria-label="'choose ' + row.key" @change="$emit('pick', picked)"></td>
            <td v-for="{ cell, n } in cells(row)" :key="n" :class="[columns[n].kind, { first: n === 0, second: n === 1 }]" :data-head="columns[n].head">
              <template v-if="cell === null || cell === ''"><span class="none">–</span></template>
              <span v-else-if="typeof cell !== 'object'" class="text" :title="long(cell)">{{ harmless(cell) }}</span>
              <a v-else-if="cell.href" class="text" :href="own(cell.href)" :title="long(cell.text)">{{ harmless(cell.text) }}</a>
              <span v-else-if="cell.links" class="links"><a v-for="link in cell.links" :key="link.href" :href="own(link.href)">{{ harmless(link.text) }}</a></span>
              <State v-else-if="cell.state" :state="cell.state"/>
              <span v-else-if="cell.ago" :title="moment(cell.ago)">{{ ago(cell.ago, now) }}</span>
              <span v-else-if="cell.until" :title="moment(cell.until)">{{ until(cell.until, now) }}</span>
              <span v-else-if="cell.clock" :title="moment(cell.clock)">{{ clock(cell.clock) }}</span>
              <span v-else-if="cell.since">{{ duration((now - cell.since) / 1000) }}</span>
              <span v-else-if="cell.took !== undefined">{{ took(cell.took) }}</span>
              <span v-else-if="cell.spark" class="use"><Spark :points="cell.spark" :full="cell.full" :label="cell.label"/><span
                v-if="cell.text">{{ cell.text }}</span></span>
              <span v-else-if="cell.share !== undefined" class="meter"><span class="track" aria-hidden="true"><span
                :style="{ width: Math.round(100 * Math.min(1, cell.share)) + '%' }"></span></span>{{ cell.text }}</span>
              <span v-else-if="cell.words" class="words"><span v-for="word in cell.words" class="tag">{{ harmless(word) }}</span></span>
              <span v-else-if="cell.acts" class="acts"><button v-for="act in cell.acts" type="button" class="quiet"
                @click="$emit('act', { key: row.key, act: act })" :aria-label="act + ' ' + row.key">{{ act }}</button></span>
            </td>
          </tr>
        </tbody>
      </table>
    </div>`,
  data: () => ({ picked: [], now }),
  computed: {
    // A column of nothing takes no room.
    filled() { return this.columns.map((_, n) => n).filter((n) => this.rows.some((row) => row.cells[n] !== null && row.cells[n] !== "")); },
  },
  methods: {
    cells(row) { return this.filled.map((n) => ({ cell: row.cells[n], n })); },
    ago, clock, duration, harmless, moment, own, took, until,
    long(text) { return String(text).length > 24 ? harmless(text).slice(0, 500) : undefined; },
  },
};
