// @ts-check
// The comparison viewer: draws panes of one picture from frames that are already in the browser.

import {connect} from './controls.js';
import {load} from './loading.js';
import {connectPart} from './part.js';
import {usualTitles} from './pictures.js';
import {missed} from './news.js';
import {noteOnLeaving} from './saving.js';
import {find, rangeOf, state} from './state.js';

/**
 * @typedef {import('./state.js').View} View
 * @typedef {import('./state.js').Slider} Slider
 * @typedef {import('./state.js').Label} Label
 */

/**
 * Bring a viewer to life; the first arguments are what gr.HTML gives to its script.
 * @param {HTMLElement} element
 * @param {{value: View | null}} props
 * @param {((event: string, data: object) => void) | null} trigger null in a page without a server
 * @param {(name: string, changed: () => void) => void} watch
 * @param {(url: string) => Promise<Blob>} read
 */
export function start(element, props, trigger, watch, read = fetchFile) {
  Object.assign(state, {element, trigger, read});
  state.root = find('.viewer', HTMLElement);
  state.root.dataset.served = String(trigger !== null);
  state.panes = find('.panes', HTMLElement);
  state.sliders = {
    network: find('#network-alpha', HTMLElement),
    image: find('#image-alpha', HTMLElement),
    third: find('#third-share', HTMLElement),
  };
  readSettings();
  connect();
  connectPart();
  if (trigger) noteOnLeaving();
  document.dispatchEvent(new CustomEvent('viewer', {detail: state}));
  // One after the other: what arrived later must not be overtaken by a picture that took longer.
  let loading = Promise.resolve();
  const loadNext = () => { loading = loading.then(() => load(props.value)).catch(console.error); };
  watch('value', loadNext);
  // What was sent before a comparison's end is there in the next frame, if it has come at all.
  state.root.addEventListener('ended', () => requestAnimationFrame(() => loading.then(missed)));
  loadNext();
}

/** Take over what Python says: the panes' labels, the α of a strip, and where the sliders stand. */
function readSettings() {
  /** @type {{labels: Label[], strip_alphas: number[]}} */
  const {labels, strip_alphas: stripAlphas} = JSON.parse(state.root.dataset.settings ?? '');
  Object.assign(state, {labels: Object.fromEntries(labels.map(label => [label.pane, label])), stripAlphas});
  state.titles = usualTitles();
  for (const kind of /** @type {Slider[]} */ (Object.keys(state.sliders))) {
    state.alpha[kind] = Number(rangeOf(kind).value);
  }
}

/** @param {string} url */
export async function fetchFile(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.blob();
}
