// @ts-check
// The comparison viewer: draws panes of one picture from frames that are already in the browser.

import {connect} from './controls.js';
import {load} from './loading.js';
import {find, state} from './state.js';

/** @typedef {import('./state.js').View} View */

/**
 * Bring a viewer to life; the arguments are what gr.HTML gives to its script.
 * @param {HTMLElement} element
 * @param {{value: View | null}} props
 * @param {(event: string, data: object) => void} trigger
 * @param {(name: string, changed: () => void) => void} watch
 */
export function start(element, props, trigger, watch) {
  Object.assign(state, {element, trigger});
  state.root = find('.viewer', HTMLElement);
  state.panes = find('.panes', HTMLElement);
  state.sliders = {
    network: find('#network-alpha', HTMLElement),
    image: find('#image-alpha', HTMLElement),
    third: find('#third-share', HTMLElement),
  };
  connect();
  // One after the other: what arrived later must not be overtaken by a picture that took longer.
  let loading = Promise.resolve();
  const loadNext = () => { loading = loading.then(() => load(props.value)).catch(console.error); };
  watch('value', loadNext);
  loadNext();
}
