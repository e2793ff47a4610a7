// The state of one thing, by a colour, a sign and a word.
import { State } from "roundhouse";

export default { components: { State }, props: { state: String }, template: `<State :state="state"/>` };
