// Curves over a common x: axes, grid, what is under the pointer. Drawn as SVG, so the colours are those of the page.
import { harmless } from "roundhouse";

const HEIGHT = 220, LEFT = 52, RIGHT = 12, TOP = 12, BOTTOM = 26, TICKS = 4;

const nice = (span) => {
  const power = 10 ** Math.floor(Math.log10(span / TICKS || 1)), share = span / TICKS / power;
  return power * (share <= 1.5 ? 1 : share <= 3 ? 2 : share <= 7 ? 5 : 10);
};
const words = (value) => {
  const size = Math.abs(value);
  return value === 0 ? "0" : size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(+value.toPrecision(4));
};

export default {
  props: { curves: Array, label: String, across: String, bounds: Array },
  template: `
    <figure class="curve">
      <figcaption>
        <span class="keys"><span v-for="(curve, n) in curves" :key="n" class="key"><span class="swatch" :class="'ink-' + (n % 6)"
          aria-hidden="true"></span>{{ harmless(curve.name) }}<b>{{ at(curve) }}</b></span></span>
        <button v-if="canLog" type="button" class="quiet" :aria-pressed="isLog" @click="isLog = !isLog">log</button>
      </figcaption>
      <svg v-if="hasPoints" :viewBox="'0 0 ' + wide + ' ${HEIGHT}'" role="img" :aria-label="label + ': ' + told"
          @pointermove="follow" @pointerleave="under = null">
        <g class="grid"><template v-for="tick in ticks" :key="tick.y"><line x1="${LEFT}" :x2="wide - ${RIGHT}" :y1="tick.y" :y2="tick.y"/>
          <text x="${LEFT - 8}" :y="tick.y + 4" text-anchor="end">{{ tick.text }}</text></template>
          <text v-for="tick in feet" :key="'x' + tick.x" :x="tick.x" y="${HEIGHT - 8}" :text-anchor="tick.x + 4 * tick.text.length > wide ? 'end' : 'middle'">{{ tick.text }}</text></g>
        <line v-if="under !== null" class="cross" :x1="x(under)" :x2="x(under)" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>
        <g v-for="(curve, n) in curves" :key="n" :class="'ink-' + (n % 6)"><path :d="line(curve)"/>
          <circle v-if="dot(curve)" r="3.5" :cx="dot(curve)[0]" :cy="dot(curve)[1]"/></g>
      </svg>
      <p v-else class="none">{{ "nothing yet" }}</p>
      <p class="across" v-if="hasPoints">{{ across }}{{ under === null ? "" : " " + under }}</p>
    </figure>`,
  data: () => ({ under: null, isLog: false, wide: 600 }),
  mounted() {
    // As wide as its place, so that letters are of one size in all of them.
    this.watcher = new ResizeObserver(([seen]) => { this.wide = Math.max(200, Math.round(seen.contentRect.width)); });
    this.watcher.observe(this.$el);
  },
  unmounted() { this.watcher.disconnect(); },
  computed: {
    all() { return this.curves.flatMap((curve) => curve.points).filter((p) => p[1] !== null); },
    hasPoints() { return this.all.length > 0; },
    canLog() { return this.hasPoints && !this.bounds && this.all.every((p) => p[1] > 0); },
    log() { return this.isLog && this.canLog; },
    spanX() {
      const xs = this.all.map((p) => p[0]), low = xs.reduce((a, b) => Math.min(a, b)), high = xs.reduce((a, b) => Math.max(a, b));
      return [low, high > low ? high : low + 1];
    },
    spanY() {
      if (this.bounds) return this.bounds;
      const ys = this.all.map((p) => this.up(p[1])), low = ys.reduce((a, b) => Math.min(a, b)), high = ys.reduce((a, b) => Math.max(a, b));
      const room = (high - low || Math.abs(high) || 1) * 0.06;
      return [!this.log && low >= 0 && low < 0.6 * high ? 0 : low - room, high + room];
    },
    ticks() {
      const [low, high] = this.spanY, step = nice(high - low), found = [];
      for (let value = Math.ceil(low / step) * step; value <= high; value += step)
        found.push({ y: this.y(value), text: words(this.log ? 10 ** value : +value.toPrecision(12)) });
      return found;
    },
    feet() {
      const [low, high] = this.spanX, step = Math.max(1, nice(high - low)), found = [];
      for (let value = Math.ceil(low / step) * step; value <= high; value += step)
        found.push({ x: this.x(value), text: words(value) });
      return found;
    },
    told() {
      return this.curves.filter((c) => c.points.length).map((c) => `${harmless(c.name)} ${words(c.points.at(-1)[1] ?? NaN)}`).join(", ");
    },
  },
  methods: {
    harmless,
    up(value) { return this.log ? Math.log10(value) : value; },
    x(value) { return LEFT + ((this.wide - LEFT - RIGHT) * (value - this.spanX[0])) / (this.spanX[1] - this.spanX[0]); },
    y(value) { return HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * (value - this.spanY[0])) / (this.spanY[1] - this.spanY[0]); },
    line(curve) {
      const places = curve.points.filter((p) => p[1] !== null).map((p) => `${this.x(p[0]).toFixed(1)} ${this.y(this.up(p[1])).toFixed(1)}`);
      return places.length ? "M" + places.join("L") : "";
    },
    near(curve) {
      if (this.under === null) return curve.points.at(-1);
      return curve.points.find((p) => p[0] === this.under);
    },
    at(curve) { const p = this.near(curve); return p && p[1] !== null ? words(p[1]) : ""; },
    dot(curve) {
      const p = this.near(curve);
      return p && p[1] !== null ? [this.x(p[0]), this.y(this.up(p[1]))] : null;
    },
    follow(event) {
      const box = event.currentTarget.getBoundingClientRect();
      const wanted = ((event.clientX - box.left) * this.wide) / box.width;
      let best = null;
      for (const [value] of this.all)
        if (best === null || Math.abs(this.x(value) - wanted) < Math.abs(this.x(best) - wanted)) best = value;
      this.under = best;
    },
  },
};
