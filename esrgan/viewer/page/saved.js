// @ts-check
// A saved page: the comparisons that stand in its file, and the viewer, without a server.

import {start} from './viewer.js';

/**
 * @typedef {import('./state.js').View} View
 * @typedef {View & {thumbnail: import('./state.js').ServedFile | null}} Saved files are named by the elements that hold them
 */

/** @type {{value: View | null}} */
const props = {value: null};
let times = 0, changed = () => {};

/**
 * What an element of the file holds.
 * @param {string} id
 */
function bytesOf(id) {
  const text = atob(document.getElementById(id)?.textContent ?? ''), bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  return bytes;
}

/** @param {string} id */
const blobOf = id => new Blob([bytesOf(id)]);

/** @param {string} selector */
const one = selector => /** @type {HTMLElement} */ (document.querySelector(selector));

/**
 * Show one of the comparisons; the sliders go where it says at first only.
 * @param {Saved[]} saved
 * @param {number} chosen
 */
function choose(saved, chosen) {
  const view = saved[chosen];
  times++;
  props.value = {...view, run: String(times), start: times === 1 ? view.start : null};
  const size = `${view.width}×${view.height}`;
  one('p.picture').textContent = saved.length > 1 ? `${view.name}, ${size}` : size;
  one('.key-frames').textContent = String(view.frames.length);
  [...one('nav').children].forEach((button, n) => button.setAttribute('aria-current', String(n === chosen)));
  changed();
}

/** @param {Saved[]} saved */
function offer(saved) {
  one('nav').hidden = saved.length < 2;
  one('nav').replaceChildren(...saved.map(({name, thumbnail}, n) => {
    const button = document.createElement('button'), picture = document.createElement('img');
    button.title = name;
    picture.alt = name;
    if (thumbnail) picture.src = URL.createObjectURL(blobOf(thumbnail.url));
    button.append(picture);
    button.onclick = () => choose(saved, n);
    return button;
  }));
}

/** Begin with the first comparison. */
function open() {
  /** @type {Saved[]} */
  const saved = JSON.parse(new TextDecoder().decode(bytesOf('comparisons')));
  if (saved.length > 1) offer(saved);
  choose(saved, 0);
  start(one('main'), props, null, (_, told) => { changed = told; }, async url => blobOf(url));
}

open();
