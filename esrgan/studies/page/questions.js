// @ts-check
// Which questions a participant is asked, in which order, and what stands at which side.

/**
 * @typedef {{picture: number, left: number, right: number}} Question numbers of a picture and of two methods
 * @typedef {() => number} Random in [0, 1)
 */

/**
 * Random numbers that are the same again for the same text: mulberry32, begun with FNV-1a of the text.
 * @param {string} text
 * @returns {Random}
 */
export function randomOf(text) {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ Number(character.codePointAt(0)), 0x01000193);
  return () => {
    hash = (hash + 0x6d2b79f5) | 0;
    let mixed = Math.imul(hash ^ (hash >>> 15), 1 | hash);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The same items in a random order (Fisher–Yates).
 * @template Item
 * @param {readonly Item[]} items
 * @param {Random} random
 * @returns {Item[]}
 */
export function shuffled(items, random) {
  const order = [...items];
  for (let n = order.length - 1; n > 0; n--) {
    const other = Math.floor(random() * (n + 1));
    [order[n], order[other]] = [order[other], order[n]];
  }
  return order;
}

/**
 * All pairs of so many methods.
 * @param {number} methods
 */
export function pairsOf(methods) {
  /** @type {[number, number][]} */
  const pairs = [];
  for (let a = 0; a < methods; a++) for (let b = a + 1; b < methods; b++) pairs.push([a, b]);
  return pairs;
}

/**
 * Questions in which each pair of methods comes equally often, as often as the limit allows and of
 * another picture each time; pictures come about equally often too, and a method at either side.
 * @param {number} pictures
 * @param {number} methods
 * @param {number} limit of questions, at least as many as there are pairs
 * @param {Random} random
 * @returns {Question[]}
 */
export function questionsOf(pictures, methods, limit, random) {
  const pairs = pairsOf(methods), each = Math.min(pictures, Math.floor(limit / pairs.length));
  const shown = new Array(pictures).fill(0), atLeft = new Array(methods).fill(0);
  const asked = pairs.map(() => /** @type {Set<number>} */ (new Set()));
  const turned = new Array(pairs.length).fill(0);  // how much oftener the first stood at the left
  /** @type {Question[]} */
  const questions = [];
  for (let round = 0; round < each; round++) {
    for (const n of shuffled([...pairs.keys()], random)) {
      const free = shuffled([...shown.keys()].filter(picture => !asked[n].has(picture)), random);
      const picture = free.reduce((best, other) => shown[other] < shown[best] ? other : best);
      const [first, second] = pairs[n];
      const lean = turned[n] || atLeft[first] - atLeft[second] || random() - 0.5;
      const [left, right] = lean > 0 ? [second, first] : [first, second];
      turned[n] += left === first ? 1 : -1;
      atLeft[left]++;
      shown[picture]++;
      asked[n].add(picture);
      questions.push({picture, left, right});
    }
  }
  return apart(shuffled(questions, random));
}

/**
 * The questions with those of one picture not one after another, where that can be.
 * @param {Question[]} questions
 */
export function apart(questions) {
  const rest = [...questions];
  /** @type {Question[]} */
  const ordered = [];
  while (rest.length) {
    const last = ordered.at(-1)?.picture, other = rest.findIndex(question => question.picture !== last);
    ordered.push(...rest.splice(Math.max(0, other), 1));
  }
  return ordered;
}
