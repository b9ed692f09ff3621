// @ts-check
// What a participant has answered: kept in the browser, and saved as a JSON object a line.

/**
 * @typedef {import('./questions.js').Question} Question
 * @typedef {'left' | 'right' | 'same'} Side
 * @typedef {{answer: Side, seconds: number}} Given to the question of the same place
 * @typedef {{session: string, participant: string, given: Given[]}} Session
 * @typedef {{study: string, methods: string[], pictures: {name: string}[]}} Names
 */

const SIDES = ['left', 'right', 'same'], LONGEST_NAME = 60;

/**
 * @param {string} session
 * @param {string} name as it was typed, or nothing
 * @returns {Session}
 */
export function begun(session, name) {
  const participant = [...name.replace(/[\p{C}\p{Z}]+/gu, ' ').trim()].slice(0, LONGEST_NAME).join('').trim();
  return {session, participant: participant || `anonymous ${session.slice(0, 6)}`, given: []};
}

/**
 * @param {Session} session
 * @param {Side} answer
 * @param {number} seconds
 * @returns {Session}
 */
export function answered(session, answer, seconds) {
  return {...session, given: [...session.given, {answer, seconds: Math.round(seconds * 1000) / 1000}]};
}

/**
 * Without the last answer.
 * @param {Session} session
 * @returns {Session}
 */
export function undone(session) { return {...session, given: session.given.slice(0, -1)}; }

/**
 * A session that was kept as text, or null if it is damaged or there is none.
 * @param {string | null} text
 * @param {number} questions that there are
 * @returns {Session | null}
 */
export function restored(text, questions) {
  try {
    const {session, participant, given} = JSON.parse(text ?? '');
    const named = [session, participant].every(name => typeof name === 'string' && name);
    /** @type {(each: Given) => boolean} */
    const sound = ({answer, seconds}) => SIDES.includes(answer) && Number.isFinite(seconds) && seconds >= 0;
    return named && given.length <= questions && given.every(sound) ? {session, participant, given} : null;
  } catch {
    return null;
  }
}

/**
 * The answers as they are saved.
 * @param {Names} names
 * @param {Question[]} questions
 * @param {Session} session
 */
export function linesOf({study, methods, pictures}, questions, {session, participant, given}) {
  return given.map(({answer, seconds}, n) => {
    const {picture, left, right} = questions[n];
    return JSON.stringify({
      study, session, participant, number: n + 1, picture: pictures[picture].name,
      left: methods[left], right: methods[right], answer, seconds,
    }) + '\n';
  }).join('');
}

/**
 * A name for the file of the answers that any system takes.
 * @param {string} study
 * @param {Session} session
 */
export function fileName(study, {participant, session}) {
  const plain = participant.normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^\w-]+/g, '-').replace(/^-+|-+$/g, '');
  return `answers-${study}-${plain || session}.jsonl`;
}
