// A confusion matrix: what each class was taken for. The deeper the colour the larger the share of its row.
export default {
  props: { matrix: Array, names: Array },
  template: `
    <div class="grid-frame" tabindex="0" role="region" aria-label="confusion matrix">
      <table class="matrix" aria-label="confusion matrix: rows are the classes, columns what they were taken for">
        <thead><tr><th scope="col"><span class="unseen">class</span></th><th v-for="name in names" scope="col">{{ name }}</th></tr></thead>
        <tbody><tr v-for="(row, is) in matrix"><th scope="row">{{ names[is] }}</th>
          <td v-for="(count, taken) in row" :class="is === taken ? 'right' : 'wrong'" :style="{ '--share': share(row, count) }"
            :title="count + ' of ' + names[is] + ' taken for ' + names[taken]">{{ count || "" }}</td></tr></tbody>
      </table>
    </div>`,
  methods: {
    share(row, count) { return count ? Math.max(0.08, count / row.reduce((a, b) => a + b, 0)).toFixed(3) : 0; },
  },
};
