// Light, dark, or as the system has it. What was chosen is remembered by the browser; frame.py applies it before the first paint.
const NAMES = { auto: "as the system", light: "light", dark: "dark" };

export default {
  template: `<button type="button" class="quiet theme" @click="turn" :aria-label="'colours: ' + words" :title="'colours: ' + words">
    <svg viewBox="0 0 16 16" aria-hidden="true"><path v-if="mode === 'light'" d="M8 5a3 3 0 1 0 .01 0M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1"/>
    <path v-else-if="mode === 'dark'" d="M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5Z"/><path v-else d="M8 2.5a5.5 5.5 0 1 0 .01 0M8 2.5v11M10.500 4v8M12.500 6v4"/></svg></button>`,
  data: () => ({ mode: localStorage.getItem("roundhouse-theme") || "auto" }),
  computed: { words() { return NAMES[this.mode]; } },
  methods: {
    turn() {
      this.mode = { auto: "light", light: "dark", dark: "auto" }[this.mode] || "auto";
      localStorage.setItem("roundhouse-theme", this.mode);
      window.roundhouseTheme();
    },
  },
};
