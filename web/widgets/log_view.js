// A job's log. Pieces come from the interface for programs as they are looked at; only what is seen is in the page.
import { clock, harmless, moment } from "roundhouse";

const PIECE = 65536, SEARCHED = 1 << 20, MOST_LINES = 6000, LINE = 20, MARGIN = 30, LONGEST = 4000, MOST_ASKED = 40;

export default {
  props: { job: String, size: Number, ended: Boolean },
  template: `
    <section class="log" aria-label="log">
      <div class="log-bar">
        <label class="unseen" :for="job + '-find'">search the log</label>
        <input :id="job + '-find'" type="search" v-model="wanted" placeholder="Search the log" @keydown.enter="find($event.shiftKey)">
        <button type="button" class="quiet" @click="find(false)" :disabled="!wanted || isBusy">Next match</button>
        <label class="unseen" :for="job + '-level'">level</label>
        <select :id="job + '-level'" v-model="level" @change="end">
          <option value="INFO">all lines</option><option value="WARNING">warnings and worse</option>
          <option value="ERROR">errors</option><option value="PROGRESS">progress</option></select>
        <label class="check"><input type="checkbox" v-model="follows" @change="follows && end()"> Follow</label>
        <span class="spring" role="status">{{ note }}</span>
        <button type="button" class="quiet" @click="top">Top</button>
        <button type="button" class="quiet" @click="end">End</button>
        <a class="quiet" :href="'/api/v1/jobs/' + encodeURIComponent(job) + '/log.txt'" download>Download</a>
      </div>
      <div class="log-lines" ref="pane" tabindex="0" role="region" aria-label="lines of the log" @scroll.passive="scrolled">
        <p v-if="!lines.length" class="none">{{ ended ? "It has said nothing." : isBusy ? "" : "It has said nothing yet." }}</p>
        <div :style="{ height: first * ${LINE} + 'px' }"></div>
        <div v-for="line in seen" :key="line.next_offset + line.text.length / 1e6" class="log-line" :class="['level-' + line.level, { here: line.next_offset === here }]">
          <span class="log-time" :title="moment(line.at_ms)">{{ clock(line.at_ms) }}</span><span class="log-level">{{ sign(line) }}</span><span
          class="log-text"><template v-for="(piece, n) in pieces(line)"><mark v-if="n % 2">{{ piece }}</mark><template v-else>{{ piece }}</template></template></span>
        </div>
        <div :style="{ height: Math.max(0, lines.length - first - seen.length) * ${LINE} + 'px' }"></div>
      </div>
    </section>`,
  data: () => ({ lines: [], next: 0, first: 0, count: 60, wanted: "", level: "INFO", follows: true, isBusy: false, note: "", here: -1, isTop: false }),
  computed: { seen() { return this.lines.slice(this.first, this.first + this.count); } },
  watch: {
    size() { if (this.follows) this.more(); },
    ended() { if (this.follows) this.more(); },
  },
  async mounted() { await this.end(); },
  methods: {
    clock, moment,
    sign(line) { return line.level === "INFO" ? (line.stream === "stderr" ? "err" : line.stream === "stdout" ? "" : "node") : line.level.toLowerCase(); },
    pieces(line) {
      const text = harmless(line.text.length > LONGEST ? `${line.text.slice(0, LONGEST)}… (${line.text.length - LONGEST} more characters)` : line.text);
      const sought = this.wanted.toLowerCase();
      if (!sought) return [text];
      const found = [];
      let from = 0;
      for (let at; (at = text.toLowerCase().indexOf(sought, from)) >= 0 && found.length < 200; from = at + sought.length)
        found.push(text.slice(from, at), text.slice(at, at + sought.length));
      return [...found, text.slice(from)];
    },
    async ask(offset, limit) {
      const query = new URLSearchParams({ offset, limit: Math.min(limit, SEARCHED), level: this.level });
      const answer = await fetch(`/api/v1/jobs/${encodeURIComponent(this.job)}/log?${query}`);
      if (!answer.ok) throw new Error(`the log is not to be had: ${answer.status}`);
      return answer.json();
    },
    async alone(work) {
      if (this.isBusy) { this.isAsked = true; return; }
      this.isBusy = true;
      try { await work(); } catch (error) { this.note = error.message; } finally { this.isBusy = false; }
      if (this.toOpen !== undefined) {
        const offset = this.toOpen;
        this.toOpen = undefined;
        return this.open(offset);
      }
      if (this.isAsked) { this.isAsked = false; if (this.follows) await this.more(); }
    },
    async open(offset) {
      // What was clicked last is what is wanted, also while something else is still being fetched.
      if (this.isBusy) { this.toOpen = offset; return; }
      await this.alone(async () => {
        const limit = this.level === "INFO" ? PIECE : SEARCHED;
        let part = await this.ask(offset, limit), lines = part.lines, last = -1;
        // An answer may end early, where a file of the log does.
        for (let asked = 0; offset < 0 && asked < MOST_ASKED && part.next_offset < this.size && part.next_offset > last; asked++) {
          last = part.next_offset;
          part = await this.ask(last, limit);
          lines = [...lines, ...part.lines];
        }
        this.lines = Object.freeze(offset < 0 ? lines.slice(-MOST_LINES) : lines);
        this.next = part.next_offset;
        this.isTop = offset === 0;
        this.note = "";
        await this.$nextTick();
        this.$refs.pane.scrollTop = offset < 0 ? this.$refs.pane.scrollHeight : 0;
        this.look();
      });
      if (offset < 0 && !this.lines.length && this.size) await this.earlier();  // what is of this level is further up
    },
    async end() { await this.open(-PIECE); },
    async top() { this.follows = false; await this.open(0); },
    async more() {
      await this.alone(async () => {
        const pane = this.$refs.pane, wasAtEnd = this.isAtEnd();
        const part = this.size - this.next > 4 * PIECE && this.follows ? await this.ask(-PIECE, PIECE) : await this.ask(this.next, PIECE);
        const isJump = part.lines.length && part.lines[0].next_offset > this.next + 4 * PIECE;
        const kept = isJump ? part.lines : [...this.lines, ...part.lines.filter((l) => l.next_offset > this.next)];
        const cut = Math.max(0, kept.length - MOST_LINES);
        this.isTop = this.isTop && !cut && !isJump;
        this.lines = Object.freeze(kept.slice(cut));
        this.next = part.next_offset;
        await this.$nextTick();
        if (this.follows || wasAtEnd && this.follows) pane.scrollTop = pane.scrollHeight;
        else pane.scrollTop -= cut * LINE;
        this.look();
      });
    },
    async earlier() {
      if (this.isTop) return;
      await this.alone(async () => {
        const edge = this.lines[0]?.next_offset ?? this.next, usual = this.level === "INFO" ? PIECE : SEARCHED;
        let before = [], offset = edge, step = usual;
        for (let asked = 0; asked < MOST_ASKED && !before.length && offset > 0; asked++) {
          const until = offset;
          offset = Math.max(0, until - step);
          const part = await this.ask(offset, usual);
          before = part.lines.filter((l) => l.next_offset < edge);
          // What comes lies above what was there already: here the middle of the log is dropped. Over it in larger steps.
          step = part.next_offset > until + 2 * PIECE ? 2 * step : usual;
        }
        this.isTop = offset <= 0;
        const cut = before.length + this.lines.length > MOST_LINES;
        this.lines = Object.freeze([...before, ...this.lines].slice(0, MOST_LINES));
        if (cut) this.next = this.lines.at(-1).next_offset;
        await this.$nextTick();
        this.$refs.pane.scrollTop += before.length * LINE;
        this.look();
      });
    },
    async find(isBack) {
      if (!this.wanted) return;
      this.follows = false;
      const sought = this.wanted.toLowerCase(), has = (line) => line.text.toLowerCase().includes(sought);
      const known = this.lines.findIndex((line) => line.next_offset === this.here);
      const at = isBack ? this.lines.slice(0, known < 0 ? undefined : known).findLastIndex(has)
        : this.lines.findIndex((line, n) => n > known && has(line));
      if (at >= 0) return this.goTo(at);
      await this.alone(async () => {
        let offset = this.here >= 0 && this.lines.length ? this.lines.at(-1).next_offset : 0, isRound = offset === 0;
        for (;;) {
          const part = await this.ask(offset, SEARCHED), found = part.lines.find((l) => has(l) && (isRound || l.next_offset > this.here));
          if (found) {
            const from = Math.max(0, part.lines.indexOf(found) - 200);
            this.lines = Object.freeze(part.lines.slice(from, from + MOST_LINES));
            this.next = this.lines.at(-1).next_offset;
            this.isTop = offset === 0 && from === 0;
            return this.goTo(this.lines.indexOf(found));
          }
          if (part.next_offset <= offset) {
            if (isRound) { this.note = "no such line"; return; }
            isRound = true; offset = 0;
          } else offset = part.next_offset;
        }
      });
    },
    async goTo(place) {
      this.here = this.lines[place].next_offset;
      this.note = "";
      await this.$nextTick();
      this.$refs.pane.scrollTop = Math.max(0, place * LINE - this.$refs.pane.clientHeight / 2);
      this.look();
    },
    isAtEnd() { const pane = this.$refs.pane; return pane.scrollHeight - pane.scrollTop - pane.clientHeight < 2 * LINE; },
    look() {
      const pane = this.$refs.pane;
      this.first = Math.max(0, Math.min(this.lines.length, Math.floor(pane.scrollTop / LINE)) - MARGIN);
      this.count = Math.ceil(pane.clientHeight / LINE) + 2 * MARGIN;
    },
    scrolled() {
      const pane = this.$refs.pane, isUp = pane.scrollTop < (this.lastTop ?? 0) - 1;
      this.lastTop = pane.scrollTop;
      this.look();
      if (isUp && !this.isAtEnd()) this.follows = false;
      if (isUp && pane.scrollTop < 5 * LINE) this.earlier();
      else if (this.isAtEnd() && !this.isBusy && this.next < this.size) this.more();
    },
  },
};
