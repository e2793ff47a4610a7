// Rounds across, shards down: who gave each update, and what went wrong before. Arrow keys go from one to the next.
import { harmless } from "roundhouse";

export default {
  props: { rounds: Array, shards: Array, cells: Object, nodes: Array, picked: String },
  emits: ["pick"],
  template: `
    <div class="grid-frame" tabindex="0" role="region" aria-label="rounds and shards">
      <table class="attempts" aria-label="attempts by shard and round" @keydown="go">
        <thead><tr><th scope="col">shard</th><th v-for="round in rounds" :key="round" scope="col">{{ round || "survey" }}</th></tr></thead>
        <tbody><tr v-for="shard in shards" :key="shard"><th scope="row">{{ shard + 1 }}</th>
          <td v-for="round in rounds" :key="round"><button v-if="cell(round, shard)" type="button"
            :class="['try', 'node-' + cell(round, shard)[0] % 8, 'is-' + cell(round, shard)[1], { picked: picked === round + '/' + shard }]"
            :data-at="round + '/' + shard" :tabindex="round + '/' + shard === focus ? 0 : -1"
            :aria-label="tell(round, shard)" :title="tell(round, shard)" @click="pick(round, shard)">{{ cell(round, shard)[2] }}</button></td></tr></tbody>
      </table>
    </div>
    <ul class="grid-keys">
      <li v-for="(node, n) in nodes" :key="node"><span class="try" :class="['node-' + n % 8, 'is-done']" aria-hidden="true"></span>{{ harmless(node) }}</li>
      <li><b>↻</b> tried again</li><li><b>–</b> turned down</li><li><b>✕</b> failed</li><li><b>▸</b> the last one in</li><li><b>…</b> under way</li><li><b>⋯</b> waiting</li>
    </ul>`,
  data: () => ({ at: "" }),
  computed: {
    focus() { return this.cells[this.at] ? this.at : this.picked || Object.keys(this.cells)[0]; },
  },
  methods: {
    harmless,
    cell(round, shard) { return this.cells[`${round}/${shard}`]; },
    tell(round, shard) {
      const [node, state, , words] = this.cell(round, shard);
      return `${round ? "round " + round : "survey"}, shard ${shard + 1}: ${state}${this.nodes[node] ? " by " + harmless(this.nodes[node]) : ""}${words ? "; " + harmless(words) : ""}`;
    },
    pick(round, shard) { this.at = `${round}/${shard}`; this.$emit("pick", { round, shard }); },
    go(event) {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const from = event.target.dataset && event.target.dataset.at;
      if (!step || !from) return;
      const [round, shard] = from.split("/").map(Number);
      const x = this.rounds.indexOf(round) + step[0], y = this.shards.indexOf(shard) + step[1];
      const next = this.$el.parentNode.querySelector(`[data-at="${this.rounds[x]}/${this.shards[y]}"]`);
      if (next) { event.preventDefault(); this.at = next.dataset.at; next.focus(); }
    },
  },
};
