// Which questions are asked, what is kept of the answers, and where pictures lie in their panes.

import assert from 'node:assert/strict';
import {test} from 'node:test';

import {answered, begun, fileName, linesOf, restored, undone} from '../../esrgan/studies/page/answers.js';
import {fitting, moved, placed, within, zoomed} from '../../esrgan/studies/page/places.js';
import {apart, pairsOf, questionsOf, randomOf, shuffled} from '../../esrgan/studies/page/questions.js';

const CASES = [[1, 2, 60], [5, 2, 60], [14, 4, 60], [3, 3, 9], [20, 5, 10], [10, 6, 44], [100, 3, 60]];

function spread(counts) { return Math.max(...counts) - Math.min(...counts); }
function countsOf(keys, items, key) { return keys.map(each => items.filter(item => key(item) === each).length); }

test('each pair is asked equally often, of another picture each time, within the limit', () => {
  for (const [pictures, methods, limit] of CASES) {
    for (let person = 0; person < 20; person++) {
      const questions = questionsOf(pictures, methods, limit, randomOf(`p${person}`)), pairs = pairsOf(methods);
      const each = Math.min(pictures, Math.floor(limit / pairs.length));
      assert.equal(questions.length, each * pairs.length);
      for (const [a, b] of pairs) {
        const asked = questions.filter(q => [q.left, q.right].sort().join() === `${a},${b}`);
        assert.equal(asked.length, each);
        assert.equal(new Set(asked.map(q => q.picture)).size, each);
        assert.ok(spread([asked.filter(q => q.left === a).length, asked.filter(q => q.left === b).length]) <= 1);
      }
      const shown = countsOf([...Array(pictures).keys()], questions, q => q.picture);
      assert.ok(spread(shown) <= 2, `${shown}`);
      for (let m = 0; m < methods; m++) {
        const lefts = questions.filter(q => q.left === m).length, rights = questions.filter(q => q.right === m).length;
        assert.ok(Math.abs(lefts - rights) <= 3, `${lefts} and ${rights}`);
      }
    }
  }
});

test('over participants, places in the order, sides and pictures are even', () => {
  const people = 600, first = [], left = [], pictures = [];
  for (let person = 0; person < people; person++) {
    const questions = questionsOf(6, 3, 6, randomOf(`study p${person}`));
    first.push([questions[0].left, questions[0].right].sort().join());
    left.push(questions[0].left < questions[0].right);
    pictures.push(...questions.map(q => q.picture));
  }
  for (const times of countsOf(['0,1', '0,2', '1,2'], first, x => x)) assert.ok(Math.abs(times - 200) < 50, `${times}`);
  assert.ok(Math.abs(left.filter(Boolean).length - 300) < 55);
  for (const times of countsOf([0, 1, 2, 3, 4, 5], pictures, x => x)) assert.ok(Math.abs(times - 600) < 80, `${times}`);
});

test('a participant gets the same questions again, another gets others', () => {
  const ask = name => JSON.stringify(questionsOf(8, 4, 48, randomOf(name)));
  assert.equal(ask('Ada'), ask('Ada'));
  assert.notEqual(ask('Ada'), ask('Adb'));
});

test('random numbers are even, and a shuffle keeps all', () => {
  const random = randomOf('x'), numbers = Array.from({length: 20000}, random);
  for (let n = 0; n < 10; n++) {
    assert.ok(Math.abs(numbers.filter(x => Math.floor(x * 10) === n).length - 2000) < 150);
  }
  assert.deepEqual(shuffled([1, 2, 3, 4, 5], random).sort(), [1, 2, 3, 4, 5]);
});

test('one picture does not come twice in a row where another is left', () => {
  const ask = pictures => pictures.map(picture => ({picture, left: 0, right: 1}));
  assert.deepEqual(apart(ask([1, 1, 2, 2, 3])).map(q => q.picture), [1, 2, 1, 2, 3]);
  assert.deepEqual(apart(ask([1, 1])).map(q => q.picture), [1, 1]);
});

test('answers are kept, taken back, restored and saved', () => {
  const names = {study: 's', methods: ['A"', 'B'], pictures: [{name: 'x'}, {name: '</script>'}]};
  const questions = [{picture: 1, left: 1, right: 0}, {picture: 0, left: 0, right: 1}];
  let session = answered(answered(begun('0123456789', ' Ada  L. '), 'left', 1.23456), 'same', 2);
  assert.equal(session.participant, 'Ada L.');
  assert.deepEqual(restored(JSON.stringify(session), 2), session);
  const lines = linesOf(names, questions, session).trimEnd().split('\n').map(line => JSON.parse(line));
  assert.deepEqual(lines[0], {
    study: 's', session: '0123456789', participant: 'Ada L.', number: 1, picture: '</script>', left: 'B', right: 'A"',
    answer: 'left', seconds: 1.235,
  });
  session = undone(session);
  assert.equal(linesOf(names, questions, session).split('\n').length, 2);
  assert.equal(undone(undone(session)).given.length, 0);
});

test('damaged sessions are begun anew', () => {
  const good = {session: 'a', participant: 'b', given: [{answer: 'left', seconds: 1}]};
  assert.ok(restored(JSON.stringify(good), 1));
  const bad = [null, '', '{', '3', 'null', '[]', JSON.stringify({...good, session: ''}), JSON.stringify({...good, given: 3}),
    JSON.stringify({...good, given: [{answer: 'up', seconds: 1}]}), JSON.stringify({...good, given: [null]}),
    JSON.stringify({...good, given: [{answer: 'left', seconds: '1'}]})];
  for (const text of bad) assert.equal(restored(text, 1), null, String(text));
  assert.equal(restored(JSON.stringify(good), 0), null);
});

test('names are plain, whatever was typed', () => {
  assert.equal(begun('0123456789', ' \u202e\n\t ').participant, 'anonymous 012345');
  assert.equal(begun('s', 'é'.repeat(99)).participant.length, 60);
  assert.ok(begun('s', '😀'.repeat(99)).participant.isWellFormed());
  const called = participant => fileName('id', {participant, session: 'abc', given: []});
  assert.equal(called('Büşra 7'), 'answers-id-Busra-7.jsonl');
  assert.equal(called('../../x'), 'answers-id-x.jsonl');
  assert.equal(called('名前'), 'answers-id-abc.jsonl');
});

const PANE = {width: 600, height: 400}, PICTURE = {width: 100, height: 120};
const FIT = {zoom: null, centre: {x: 50, y: 60}};

test('a small picture is magnified by a whole factor, a large one seen whole', () => {
  assert.equal(fitting(PICTURE, PANE), 3);
  assert.equal(fitting({width: 1200, height: 400}, PANE), 0.5);
  assert.deepEqual(placed(FIT, PICTURE, PANE), {z: 3, x: 150, y: 20});
});

test('what is at the pointer stays there while zooming', () => {
  const at = {x: 280, y: 210}, before = placed(FIT, PICTURE, PANE), look = zoomed(FIT, 3, at, PICTURE, PANE);
  const after = placed(look, PICTURE, PANE);
  assert.equal(after.z, 9);
  assert.ok(Math.abs((at.x - before.x) / before.z - (at.x - after.x) / after.z) < 0.1);
  assert.ok(Math.abs((at.y - before.y) / before.z - (at.y - after.y) / after.z) < 0.1);
  assert.equal(zoomed(look, 0.01, at, PICTURE, PANE).zoom, null);
  assert.equal(zoomed(look, 1e9, at, PICTURE, PANE).zoom, 32);
});

test('nothing beyond the picture is seen', () => {
  let look = zoomed(FIT, 4, {x: 300, y: 200}, PICTURE, PANE);
  look = moved(look, {x: -1e6, y: 1e6}, PICTURE, PANE);
  assert.deepEqual(placed(look, PICTURE, PANE), {z: 12, x: 0, y: 400 - 1440});
  assert.equal(within(3, 80, 100), 50);
});
