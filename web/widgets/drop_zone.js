// Where files are dropped or chosen; they are sent one after the other, and each answer is told.
import { harmless } from "roundhouse";

export default {
  props: { url: String, accept: String, label: String, hint: String, many: Boolean, raw: Boolean, waits: Boolean },
  emits: ["sent", "chosen"],
  template: `
    <div class="drop" :class="{ over: isOver }" @dragover.prevent="isOver = true" @dragleave="isOver = false" @drop.prevent="take($event.dataTransfer.files)">
      <input type="file" ref="file" class="unseen" :id="id" :accept="accept" :multiple="many" @change="take($event.target.files)">
      <label :for="id"><b>{{ label }}</b><span>{{ hint }}</span></label>
      <ul v-if="files.length"><li v-for="file in files" :key="file.name"><span class="text">{{ harmless(file.name) }}</span>
        <progress :value="file.share" max="1" :aria-label="'sent of ' + harmless(file.name)"></progress><span>{{ file.note || Math.round(100 * file.share) + " %" }}</span></li></ul>
      <p v-if="error" class="error" role="alert">{{ error }}</p>
    </div>`,
  data: () => ({ isOver: false, files: [], chosen: [], error: "", id: "drop-" + Math.random().toString(36).slice(2) }),
  methods: {
    harmless,
    take(list) {
      this.isOver = false;
      this.chosen = [...list].slice(0, this.many ? 1000 : 1);
      this.files = this.chosen.map((file) => ({ name: file.name, share: 0, note: this.waits ? "chosen" : "" }));
      this.error = "";
      this.$emit("chosen", this.files.map((file) => file.name));
      if (!this.waits) this.send();
    },
    async send(fields = {}) {
      const answers = [];
      for (const [n, file] of this.chosen.entries()) {
        try {
          answers.push({ ...(await this.one(file, this.files[n], fields)), name: file.name });
          this.files[n].note = "sent";
        } catch (error) {
          this.error = `${harmless(file.name)}: ${error.message}`;
          return;
        }
      }
      if (answers.length) this.$emit("sent", answers);
    },
    one(file, shown, fields) {
      return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        shown.note = "";
        request.upload.onprogress = (event) => { shown.share = event.total ? event.loaded / event.total : 1; };
        request.onerror = () => reject(new Error("it could not be sent"));
        request.onload = () => {
          let told = {};
          try { told = JSON.parse(request.responseText); } catch { /* said below */ }
          shown.share = 1;
          if (request.status < 300) resolve(told);
          else reject(new Error(harmless(told.detail || `refused with ${request.status}`)));
        };
        request.open("POST", this.raw ? `${this.url}?file=${encodeURIComponent(file.name)}` : this.url);
        if (this.raw) return request.send(file);
        const form = new FormData();
        for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
        form.append("file", file, file.name);
        request.send(form);
      });
    },
  },
};
