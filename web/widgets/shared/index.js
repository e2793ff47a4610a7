// What the dashboard's elements share: how states look, moments and durations as people read them, text made harmless.

import { ref } from "vue";

const CHECK = "M3 8.5 6.5 12 13 4.5", CROSS = "M4 4 12 12M12 4 4 12", PLAY = "M5 3.5 12.5 8 5 12.5Z";
const CLOCK = "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2.2 1.4", MINUS = "M4 8h8", RING = "M8 3.5a4.5 4.5 0 1 0 .01 0";
const WARN = "M8 2.5 14 13H2ZM8 6.5v3M8 11v.4", DOT = "M8 4.5a3.5 3.5 0 1 0 .01 0Z";
const HALF = "M8 3.5a4.5 4.5 0 1 0 .01 0M8 3.5v9";

// Each state has a tone, for its colour, and a sign, for who sees no colours.
const STATES = {
  pending: ["wait", CLOCK], running: ["busy", PLAY], completed: ["good", CHECK], failed: ["bad", CROSS],
  cancelled: ["idle", MINUS], ready: ["good", DOT], connecting: ["wait", CLOCK], draining: ["wait", HALF],
  drained: ["idle", RING], leaving: ["wait", HALF], quarantined: ["bad", WARN], lost: ["bad", CROSS],
  removed: ["idle", MINUS], done: ["good", CHECK], rejected: ["wait", MINUS], "left out": ["idle", MINUS],
  active: ["good", CLOCK], paused: ["idle", MINUS], over: ["idle", RING], placed: ["busy", PLAY], fetching: ["busy", PLAY], held: ["busy", PLAY], delayed: ["wait", CLOCK],
};

export const signOf = (state) => STATES[state] || ["idle", RING];

export const State = {
  props: { state: String },
  template: `<span class="state" :class="'tone-' + tone"><svg viewBox="0 0 16 16" aria-hidden="true">
    <path :d="path" :class="{ full: isFull }"/></svg>{{ state }}</span>`,
  computed: {
    tone() { return signOf(this.state)[0]; },
    path() { return signOf(this.state)[1]; },
    isFull() { return this.path === PLAY || this.path === DOT; },
  },
};

export const Spark = {
  props: { points: Array, label: String, full: Number },
  template: `<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" :aria-label="label">
    <path class="area" :d="area"/><path :d="line"/></svg>`,
  computed: {
    places() {
      const top = this.full ?? Math.max(...this.points), bottom = Math.min(...this.points, 0), height = top - bottom || 1;
      const last = Math.max(1, this.points.length - 1);
      return this.points.map((y, x) => `${((100 * x) / last).toFixed(1)} ${(22 - (20 * (y - bottom)) / height).toFixed(1)}`);
    },
    line() { return this.places.length > 1 ? "M" + this.places.join("L") : ""; },
    area() { return this.line && `${this.line}L100 24L0 24Z`; },
  },
};

const pad = (number) => String(number).padStart(2, "0");

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

// How long something took: of what was short, the tenths count.
export function took(seconds) {
  return seconds < 10 ? `${Math.max(0, seconds).toFixed(1)} s` : duration(seconds);
}

export function moment(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(ms)}`;
}

export function clock(ms) {
  const at = new Date(ms);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function ago(ms, now) {
  const seconds = Math.max(0, (now - ms) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

export function until(ms, now) {
  const seconds = Math.max(0, (ms - now) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 3600) return `in ${duration(seconds)}`;
  return seconds < 86400 ? `in ${Math.floor(seconds / 3600)} h` : `in ${Math.floor(seconds / 86400)} d`;
}

// A text of others: colours of terminals go, what moves a cursor or turns the direction of writing is spelled out.
export function harmless(text) {
  return String(text)
    .replace(/\x1b\[[0-9;:]*m/g, "")
    .replace(/[\x00-\x08\x0b-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
      (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

// One beat a second for all that tells how long ago something was.
export const now = ref(Date.now());
setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 1000);

// The paths of this server alone: whatever else a link may say leads nowhere.
export const own = (href) => (/^\/(?!\/)/.test(href || "") ? href : undefined);
