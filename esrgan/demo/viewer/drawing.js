// Panes: what each shows, at the common zoom.

function visible() {
  if (mode !== 'grid') return [mode];
  const there = available().filter(name => shown.has(name));
  return onlyPane && there.includes(onlyPane) ? [onlyPane] : there;
}

function button(title, path) {
  return `<button title="${title}" aria-label="${title}"><svg viewBox="0 0 16 16"><path d="${path}"/></svg></button>`;
}

function paneOf(name) {
  let pane = panes.querySelector(`[data-pane=${name}]`);
  if (pane) return pane;
  pane = document.createElement('figure');
  pane.className = 'pane';
  pane.dataset.pane = name;
  pane.innerHTML = `<header><span></span><span>${button('Show this one alone', 'M6 2H2v4M10 2h4v4M6 14H2v-4M10 14h4v-4')}` +
    `${button('Save as PNG', 'M8 2v8M4.5 7 8 10.5 11.5 7M3 14h10')}</span></header><canvas></canvas><figcaption></figcaption>`;
  const [alone, save] = pane.querySelectorAll('button');
  alone.hidden = name === 'wipe' || name === 'difference';
  alone.onclick = () => { onlyPane = onlyPane ? null : name; repaint(); };
  save.onclick = () => download(name);
  listen(pane.querySelector('canvas'));
  const order = [...Object.keys(TITLES), 'wipe', 'difference'];
  const after = [...panes.children].find(other => order.indexOf(other.dataset.pane) > order.indexOf(name));
  panes.insertBefore(pane, after ?? null);
  return pane;
}

function zoomOf(canvas) { return zoom === null ? canvas.width / width : zoom * devicePixelRatio; }

function transform(context, canvas) {
  const z = zoomOf(canvas);
  if (zoom === null) return context.setTransform(z, 0, 0, z, 0, 0);
  // whole device pixels, so that 1:1 shows the very pixels
  const x = Math.round(canvas.width / 2 - centre.x * z), y = Math.round(canvas.height / 2 - centre.y * z);
  context.setTransform(z, 0, 0, z, x, y);
}

function place(context, picture) { context.drawImage(picture, 0, 0, width, height); }

function drawPane(name) {
  const pane = paneOf(name), canvas = pane.querySelector('canvas');
  const across = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  const down = Math.max(1, Math.round(across * height / width));
  if (canvas.width !== across || canvas.height !== down) { canvas.width = across; canvas.height = down; }
  const context = canvas.getContext('2d');
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, across, down);
  const magnified = zoomOf(canvas) * (name === 'lr' ? width / source('lr').width : 1);
  context.imageSmoothingEnabled = smooth || magnified < 1;
  context.imageSmoothingQuality = 'high';
  transform(context, canvas);
  if (name === 'wipe') drawWipe(context, canvas);
  else place(context, name === 'difference' ? composite('difference').canvas : source(name));
  if (mark) drawMark(context, canvas);
  if (lens && pointer) drawLens(context, canvas, name);
  const [title] = pane.querySelectorAll('header span');
  write(title, name === 'wipe' ? chosenPair().map(n => titles[n]).join(' | ')
    : name === 'difference' ? 'Difference of ' + chosenPair().map(n => titles[n]).join(' and ') : titles[name]);
  write(pane.querySelector('figcaption'), caption(name));
}

function caption(name) {
  if (name === 'network') {
    const share = thirdShare('network');
    const known = fetchedExactly() ? exact.score : share === 0 ? scores[`network ${alpha.network}`] : share === 1 ? scores.after : null;
    return sharesText('network') + (known ? ` · ${known}` : '');
  }
  if (name === 'image') return sharesText('image') + (imageScore?.alpha === alpha.image && imageScore.third === thirdShare('image') ? ` · ${imageScore.score}` : '');
  if (name === 'difference') {
    const {mean, high} = errorOf(...chosenPair().map(pixelsOf));
    return `mean ${mean.toFixed(2)} grey levels, 99.9th percentile ${high}`;
  }
  return scores[name] ?? '';
}

function sharesText(kind) {
  const share = thirdShare(kind);
  return `α = ${alpha[kind].toFixed(2)}` + (share ? `, third model ${share.toFixed(2)}` : '');
}

function drawWipe(context, canvas) {
  const [left, right] = chosenPair();
  place(context, source(left));
  context.save();
  context.resetTransform();
  context.beginPath();
  context.rect(Math.round(wipeAt * canvas.width), 0, canvas.width, canvas.height);
  context.clip();
  context.clearRect(0, 0, canvas.width, canvas.height);
  transform(context, canvas);
  place(context, source(right));
  context.restore();
  context.save();
  context.resetTransform();
  context.fillStyle = 'white';
  context.fillRect(Math.round(wipeAt * canvas.width) - 1, 0, 2, canvas.height);
  context.restore();
}

function drawMark(context, canvas) {
  context.strokeStyle = '#f97316';
  context.lineWidth = 2 * devicePixelRatio / zoomOf(canvas);
  context.strokeRect(mark.x, mark.y, mark.w, mark.h);
}

function drawLens(context, canvas, name) {
  const z = zoomOf(canvas), radius = canvas.width / 6, strength = 4;
  context.save();
  context.resetTransform();
  const at = toCanvas(canvas, pointer);
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, 7);
  context.clip();
  context.setTransform(z * strength, 0, 0, z * strength, at.x - pointer.x * z * strength, at.y - pointer.y * z * strength);
  context.imageSmoothingEnabled = smooth;
  place(context, name === 'difference' ? composite('difference').canvas
    : source(name === 'wipe' ? chosenPair()[at.x / canvas.width < wipeAt ? 0 : 1] : name));
  context.resetTransform();
  context.strokeStyle = 'white';
  context.lineWidth = 3 * devicePixelRatio;  // half of it, as the rest is clipped
  context.stroke();
  context.restore();
}

// Draw in the next frame: everything, or only what shows these pictures.
function repaint(...pictures) {
  if (pictures.length) pictures.forEach(name => stale?.add(name));
  else stale = null;
  pending ||= requestAnimationFrame(draw);
}

function isStale(name) {
  return stale === null || stale.has(name)
    || ['wipe', 'difference'].includes(name) && chosenPair().some(picture => stale.has(picture));
}

function draw() {
  pending = 0;
  if (!width) return;
  const names = visible();
  if (stale === null) layOut(names);
  if (mode === 'difference' && isStale('difference')) updateDifference();
  names.filter(isStale).forEach(drawPane);
  if (stale === null) drawStrip();
  if (isStale('network')) histogramPending ||= requestAnimationFrame(drawHistogram);  // after the pictures
  tellAlpha();
  stale = new Set();
}

function layOut(names) {
  for (const pane of panes.children) pane.hidden = !names.includes(pane.dataset.pane);
  panes.classList.toggle('single', names.length === 1);
  panes.classList.toggle('held', zoom !== null || lens);
  panes.style.setProperty('--aspect', width / height);
  names.forEach(paneOf);           // all of them first: the widths follow from how many there are
  for (const pane of panes.children) pane.hidden = !names.includes(pane.dataset.pane);
}

function tellAlpha() {
  for (const kind in sliders) write(sliders[kind].querySelector('output'), alpha[kind].toFixed(2));
  const error = exact?.error && fetchedExactly()
    ? `; the blend was off by ${exact.error.mean.toFixed(2)} grey levels (99.9th percentile ${exact.error.high})` : '';
  write(sliders.network.querySelector('em'), obstacle ?? (isExact() ? 'exact' + error : '≈ approximate'));
  sliders.network.querySelector('input').disabled = obstacle !== null;
  sliders.third.hidden = !bitmaps.has('after');
  write(sliders.third.querySelector('span'), `+ ${shortTitle('after')}`);
  write(sliders.third.querySelector('em'), thirdObstacle === null ? '' : `images only: ${thirdObstacle}`);
  const told = {...alpha, zoom: zoom ?? 'fit', frames: keys.length, exact: isExact()};
  for (const name in told) if (root.dataset[name] !== String(told[name])) root.dataset[name] = told[name];
}

// Text that is there already costs no layout.
function write(node, text) { if (node.textContent !== text) node.textContent = text; }
