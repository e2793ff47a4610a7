// One field of a form: its name, what is in it, what to know of it, and what is wrong with it.
const AT_ONCE = 65536; // bytes: more than that is told when it is left, not with each letter

export default {
  props: { name: String, label: String, kind: String, choices: Array, hint: String, value: [String, Boolean], most: Number, error: String },
  emits: ["said", "long"],
  template: `
    <div class="field" :class="{ wrong: error }">
      <label v-if="kind === 'check'" class="check"><input type="checkbox" :id="name" :checked="value" @change="$emit('said', $event.target.checked)">{{ label }}</label>
      <template v-else><label class="name" :for="name">{{ label }}</label>
        <select v-if="choices" :id="name" :value="value" :aria-describedby="about" @change="$emit('said', $event.target.value)">
          <option v-for="choice in choices" :key="choice" :value="choice">{{ choice || "as usual" }}</option></select>
        <textarea v-else-if="kind === 'area'" :id="name" :value="typed" spellcheck="false" :aria-describedby="about" :aria-invalid="!!error"
          @input="say($event.target.value, false)" @change="say($event.target.value, true)"></textarea>
        <input v-else :id="name" :type="kind || 'text'" :value="typed" autocomplete="off"
          :aria-describedby="about" :aria-invalid="!!error" @input="say($event.target.value, false)" @change="say($event.target.value, true)"></template>
      <p v-if="error" class="error" :id="name + '-about'" role="alert">{{ error }}</p>
      <p v-else-if="hint" class="hint" :id="name + '-about'">{{ hint }}</p>
    </div>`,
  // What is typed stays here, whatever the server knows of it.
  data() { return { typed: this.value }; },
  watch: { value(now) { this.typed = now; } },
  methods: {
    say(text, isLeft) {
      this.typed = text;
      const size = new TextEncoder().encode(JSON.stringify(text)).length;
      if (size > this.most) this.$emit("long");
      else if (isLeft || size <= AT_ONCE) this.$emit("said", text);
    },
  },
  computed: { about() { return this.error || this.hint ? this.name + "-about" : undefined; } },
};
