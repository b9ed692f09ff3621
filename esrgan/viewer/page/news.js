// @ts-check
// One line of words: what is being computed, and whose pictures are on show.

import {find, state} from './state.js';

/** @typedef {import('./state.js').View} View */

const OF_BEFORE = 'What is dimmed is of the comparison before.';

/**
 * @param {string} stage "wished", "running", "done", "stopped" or "failed"
 * @param {string} words
 * @param {number} [progress] 0 … 1
 */
function tell(stage, words, progress = 0) {
  const {root} = state;
  root.dataset.state = stage;
  find('.news span', HTMLElement).textContent = words;
  find('.news progress', HTMLProgressElement).value = progress;
  root.querySelector('.panes')?.setAttribute('aria-busy', String(isBusy()));
}

function isBusy() {
  return ['wished', 'running'].includes(state.root.dataset.state ?? '');
}

/** Something else is wished for: what is on show is dimmed, named as what it is, and over. */
export function wished() {
  state.over.add(state.run);
  tell('wished', state.width ? `Asking for it … ${OF_BEFORE}` : 'Asking for it …');
}

/** What was wished for is asked for now: of what was on its way before it, nothing counts any more. */
export function asked() {
  if (state.run !== null) wished();
}

/** What was wished for has not begun, and a message of its own says why. */
export function refused() {
  if (state.root.dataset.state === 'wished') tell('failed', state.width ? `That did not begin. ${OF_BEFORE}` : 'That did not begin.');
}

/** A comparison has ended: if its last word has not come, ask for it. */
export function missed() {
  if (isBusy()) state.trigger?.('retry', {});
}

/** @param {View} view */
export function report(view) { tell(view.state, view.words, view.progress); }

/** Pictures of the comparison could not be fetched. */
export function lost() {
  tell('failed', state.trigger
    ? 'Some pictures could not be fetched from the server: is it still running? Choose the picture again.'
    : 'Some pictures of this file could not be read: is it whole?');
}
