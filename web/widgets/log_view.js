// A job's log. Pieces come from the interface for programs as they are looked at; only what is seen is in the page.
import { clock, harmless, moment } from "roundhouse";

const PIECE = 65536, SIEVED = 1 << 20, MOST_LINES = 6000, LINE = 20, MARGIN = 30, LONGEST = 4000, MOST_ASKED = 40;

// Lines that follow each other, and what is said where some between them are not kept.
function joined(before, lost, after) {
  if (lost <= 0 || !before.length || !after.length) return [...before, ...after];
  const text = `${lost.toLocaleString("en")} bytes of the log before this are not kept`;
  return [...before, { ...before.at(-1), stream: "roundhouse", level: "WARNING", text }, ...after];
}

export default {
  props: { job: String, size: Number, ended: Boolean },
  template: `
    <section class="log" aria-label="log">
      <div class="log-bar">
        <label class="unseen" :for="job + '-find'">search the log</label>
        <input :id="job + '-find'" type="search" v-model="wanted" placeholder="Search the log" @keydown.enter="find($event.shiftKey)">
        <button type="button" class="quiet" @click="find(false)" :disabled="!wanted">Next match</button>
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
      <div class="log-lines" :class="{ over: ended }" ref="pane" tabindex="0" role="region" aria-label="lines of the log" @scroll.passive="scrolled">
        <p v-if="!lines.length" class="none">{{ isBusy ? "" : level !== "INFO" ? "No line of this kind." : ended ? "It has said nothing." : "It has said nothing yet." }}</p>
        <div :style="{ height: first * ${LINE} + 'px' }"></div>
        <div v-for="line in seen" :key="line.next_offset + line.text.length / 1e6" class="log-line" :class="['level-' + line.level, { here: line.next_offset === here }]">
          <span class="log-time" :title="moment(line.at_ms)">{{ clock(line.at_ms) }}</span><span class="log-level">{{ sign(line) }}</span><span
          class="log-text"><template v-for="(piece, n) in pieces(line)"><mark v-if="n % 2">{{ piece }}</mark><template v-else>{{ piece }}</template></template></span>
        </div>
        <div :style="{ height: Math.max(0, lines.length - first - seen.length) * ${LINE} + 'px' }"></div>
      </div>
    </section>`,
  data: () => ({ lines: [], next: 0, first: 0, count: 60, wanted: "", level: "INFO", follows: true, isBusy: false, note: "", here: -1, begin: 0, wish: null }),
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
    async ask(offset, limit, contains = "") {
      const query = new URLSearchParams({ offset, limit, level: this.level, contains });
      const answer = await fetch(`/api/v1/jobs/${encodeURIComponent(this.job)}/log?${query}`);
      if (!answer.ok) throw new Error(`the log is not to be had: ${answer.status}`);
      const part = await answer.json();
      // Offsets here are often inside a line: what is told to be missing before the first one is then a part of that.
      return { ...part, lines: part.lines.filter((line) => line.next_offset > part.start) };
    },
    // How much is asked for at once: of lines of one level there may be few.
    piece() { return this.level === "INFO" ? PIECE : SIEVED; },
    async alone(work) {
      if (this.isBusy) { this.isAsked = true; return; }
      this.isBusy = true;
      try { await work(); } catch (error) { this.note = error.message; } finally { this.isBusy = false; }
      if (this.wish) { const wish = this.wish; this.wish = null; return this.alone(wish); }
      if (this.isAsked) { this.isAsked = false; if (this.follows) await this.more(); }
    },
    // What somebody wants is done next, in place of what was wanted before and has not begun.
    async want(work) {
      if (this.isBusy) this.wish = work; else await this.alone(work);
    },
    show(lines, begin, next) {
      this.lines = Object.freeze(lines);
      this.begin = begin;
      this.next = next;
    },
    async open(offset) {
      await this.want(async () => {
        const part = await this.ask(offset, this.piece());
        const found = part.lines.length || offset >= 0 ? part : await this.before(part.start);
        this.show(found.lines, found.start, part.next_offset);
        this.note = found.lines.length || !found.start ? "" : `none in the last ${Math.round((part.next_offset - found.start) / 1e6)} MB`;
        await this.$nextTick();
        this.$refs.pane.scrollTop = offset < 0 ? this.$refs.pane.scrollHeight : 0;
        this.look();
      });
    },
    async top() { this.follows = false; await this.open(0); },
    async end() { await this.open(-this.piece()); },
    async more() {
      await this.alone(async () => {
        const pane = this.$refs.pane, isFar = this.size - this.next > 4 * PIECE && this.follows;
        const part = await this.ask(isFar ? -PIECE : this.next, PIECE);
        const isJump = isFar && part.start > this.next;
        const kept = isJump ? part.lines : joined(this.lines, part.start - this.next, part.lines.filter((l) => l.next_offset > this.next));
        const cut = Math.max(0, kept.length - MOST_LINES);
        this.show(kept.slice(cut), cut ? kept[cut - 1].next_offset : isJump ? part.start : this.begin, part.next_offset);
        await this.$nextTick();
        if (this.follows) pane.scrollTop = pane.scrollHeight;
        else pane.scrollTop -= cut * LINE;
        this.look();
      });
    },
    async earlier() {
      if (!this.begin) return;
      await this.alone(async () => {
        const { lines, start, lost } = await this.before(this.begin);
        const all = joined(lines, lost, this.lines), kept = all.slice(0, MOST_LINES), n_new = all.length - this.lines.length;
        this.show(kept, start, kept.length < all.length ? kept.at(-1).next_offset : this.next);
        await this.$nextTick();
        this.$refs.pane.scrollTop += n_new * LINE;
        this.look();
      });
    },
    // The last lines before an offset, where they begin, and how much between is not kept.
    async before(offset) {
      let start = offset, lost = 0;
      for (let asked = 0; asked < MOST_ASKED && start > 0; asked++) {
        const stop = start, part = await this.ask(await this.below(stop), this.piece());
        if (part.start >= stop) return { lines: [], start: 0, lost };
        const lines = part.lines.filter((line) => line.next_offset <= stop);
        lost += Math.max(0, stop - part.next_offset);
        start = part.start;
        if (lines.length) return { lines, start, lost };
      }
      return { lines: [], start, lost };
    },
    // A place from which a piece reaches an offset, or the end of what is kept before it: over a gap or a line without end.
    async below(stop) {
      const isPast = async (place) => (await this.ask(place, 1)).start >= stop;
      const piece = this.piece();
      let low = Math.max(0, stop - piece), high = stop;
      while (low > 0 && await isPast(low)) { high = low; low = Math.max(0, stop - 2 * (stop - low)); }
      while (high - low > piece) {
        const middle = Math.floor((low + high) / 2);
        if (await isPast(middle)) high = middle; else low = middle;
      }
      return low;
    },
    async find(isBack) {
      if (!this.wanted) return;
      this.follows = false;
      const wanted = this.wanted, sought = wanted.toLowerCase(), has = (line) => line.text.toLowerCase().includes(sought);
      const known = this.lines.findIndex((line) => line.next_offset === this.here);
      const at = isBack ? this.lines.slice(0, known < 0 ? undefined : known).findLastIndex(has)
        : this.lines.findIndex((line, n) => n > known && has(line));
      if (at >= 0) return this.goTo(at);
      await this.want(async () => {
        let offset = this.here >= 0 && this.lines.length ? this.lines.at(-1).next_offset : 0, isRound = offset === 0;
        while (this.wanted === wanted && !this.wish) {
          const part = await this.ask(offset, PIECE, wanted), found = part.lines[0];
          if (found) return this.openAt(found);
          if (part.next_offset > offset) offset = part.next_offset;
          else if (isRound) { this.note = "no such line"; return; }
          else { isRound = true; offset = 0; }
          this.note = `no such line up to ${Math.round(offset / 1e6)} MB`;
        }
        this.note = "";
      });
    },
    async openAt(line) {
      const around = await this.before(line.next_offset), after = await this.ask(line.next_offset, PIECE);
      this.show(joined(around.lines, after.start - line.next_offset, after.lines), around.start, after.next_offset);
      await this.goTo(this.lines.findIndex((each) => each.next_offset === line.next_offset));
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
