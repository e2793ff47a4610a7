// One field of a form: its name, what is in it, what to know of it, and what is wrong with it.
export default {
  props: { name: String, label: String, kind: String, choices: Array, hint: String, value: [String, Boolean], error: String },
  emits: ["said"],
  template: `
    <div class="field" :class="{ wrong: error }">
      <label v-if="kind === 'check'" class="check"><input type="checkbox" :id="name" :checked="value" @change="$emit('said', $event.target.checked)">{{ label }}</label>
      <template v-else><label class="name" :for="name">{{ label }}</label>
        <select v-if="choices" :id="name" :value="value" :aria-describedby="about" @change="$emit('said', $event.target.value)">
          <option v-for="choice in choices" :key="choice" :value="choice">{{ choice || "as usual" }}</option></select>
        <textarea v-else-if="kind === 'area'" :id="name" :value="value" spellcheck="false" :aria-describedby="about" :aria-invalid="!!error"
          @input="$emit('said', $event.target.value)"></textarea>
        <input v-else :id="name" :type="kind || 'text'" :value="value" autocomplete="off"
          :aria-describedby="about" :aria-invalid="!!error" @input="$emit('said', $event.target.value)"></template>
      <p v-if="error" class="error" :id="name + '-about'" role="alert">{{ error }}</p>
      <p v-else-if="hint" class="hint" :id="name + '-about'">{{ hint }}</p>
    </div>`,
  computed: { about() { return this.error || this.hint ? this.name + "-about" : undefined; } },
};
