// What is computed from the pictures: difference, strip of Fig. 10, histogram of Fig. 9a.

function chosenPair() {
  const there = available();
  return pair.map((name, i) => there.includes(name) ? name : there[Math.min(i, there.length - 1)]);
}

function pixelsOf(name) {
  if (name === 'network' || name === 'image') {
    const {canvas, context, pixels} = composite(name);
    return pixels ? pixels.data : context.getImageData(0, 0, canvas.width, canvas.height).data;
  }
  return rgba({psnr: '0', gan: '1'}[name] ?? name);
}

function updateDifference() {
  const {context} = composite('difference'), out = context.createImageData(width, height);
  difference(...chosenPair().map(pixelsOf), Number(find('.gain input').value) || 1, out.data);
  context.putImageData(out, 0, 0);
}

function drawStrip() {
  const box = find('.strip');
  box.hidden = !mark || keys.length < 2;
  const rows = obstacle === null ? 2 : 1;
  if (box.hidden || !box.open) return;
  const canvas = box.querySelector('canvas'), gap = 4, across = mark.w + gap;
  canvas.width = STRIP_ALPHAS.length * across - gap;
  canvas.height = rows * (mark.h + gap) - gap;
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = false;
  const cut = (picture, column, row) =>
    context.drawImage(picture, mark.x, mark.y, mark.w, mark.h, column * across, row * (mark.h + gap), mark.w, mark.h);
  STRIP_ALPHAS.forEach((a, column) => {
    const {low, high, t} = neighbours(a);
    find('.alphas').children[column].textContent = `α = ${a}${obstacle === null && t ? ' ≈' : ''}`;
    if (obstacle === null) {
      cut(bitmaps.get(low), column, 0);
      context.globalAlpha = t;
      if (t) cut(bitmaps.get(high), column, 0);
      context.globalAlpha = 1;
    }
    cut(bitmaps.get('0'), column, rows - 1);
    context.globalAlpha = a;
    cut(bitmaps.get('1'), column, rows - 1);
    context.globalAlpha = 1;
  });
}

function brightnessOf(name) {
  if (!maps.has(name)) maps.set(name, brightnessMap(rgba(name), width, height));
  return maps.get(name);
}

// What the histogram needs of each frame, made while there is nothing else to do.
function prepareBrightness(mine = run) {
  const next = keys.map(String).find(name => !maps.has(name));
  if (mine !== run || !next || !histogramShown()) return;
  (window.requestIdleCallback ?? setTimeout)(() => { if (mine === run) brightnessOf(next); prepareBrightness(mine); });
}

function histogramShown() { return find('.histogram').open && width * height <= PIXELS_IN_MEMORY && keys.length > 0; }

function networkBrightness() {
  const {low, high, t} = neighbours(alpha.network), between = blendedMap(brightnessOf(low), brightnessOf(high), t);
  const share = thirdShare('network');
  return share ? blendedMap(between, brightnessOf('after'), share) : between;
}

function curves() {
  const region = mark ?? {x: 0, y: 0, w: width, h: height}, result = {};
  const reference = bitmaps.has('hr') ? 'hr' : 'bicubic';
  for (const [name, key] of [[reference, reference], ['psnr', '0'], ['gan', '1'], ['after', 'after']]) {
    if (!bitmaps.has(key)) continue;
    if (!shares.has(key)) shares.set(key, brightnessShares(brightnessOf(key), region));
    result[name] = shares.get(key);
  }
  if (keys.length && obstacle === null) result.network = brightnessShares(networkBrightness(), region);
  return result;
}

function signed(number) {
  const text = number.toFixed(2).replace('-0.00', '0.00');
  return Number(text) > 0 ? `+${text}` : text;
}

function drawHistogram() {
  histogramPending = 0;
  if (!histogramShown()) return;
  const canvas = find('.histogram canvas');
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  const context = canvas.getContext('2d'), found = curves();
  // Black and white, of which a picture may be full, may reach beyond the top.
  const peak = shares => Math.max(...shares.slice(1, -1)) || Math.max(...shares);
  const top = 1.1 * Math.max(...Object.values(found).map(curve => peak(curve.shares)));
  const ink = getComputedStyle(root).color, foot = 18 * devicePixelRatio;
  context.font = `${11 * devicePixelRatio}px system-ui`;
  context.fillStyle = ink;
  for (let level = 0; level <= 250; level += 50) {
    const x = level / 255 * canvas.width;
    context.globalAlpha = 0.15;
    context.fillRect(x, 0, 1, canvas.height - foot);
    context.globalAlpha = 0.8;
    context.fillText(level, Math.min(x + 2, canvas.width - context.measureText(level).width), canvas.height - 4);
  }
  context.globalAlpha = 1;
  for (const [name, curve] of Object.entries(found)) {
    context.strokeStyle = CURVES[name];
    context.lineWidth = 2 * devicePixelRatio;
    context.setLineDash(name === 'network' ? [6, 5] : []);
    context.beginPath();
    curve.shares.forEach((share, bin) => context.lineTo((bin + 0.5) / BINS * canvas.width, (1 - share / top) * (canvas.height - foot)));
    context.stroke();
  }
  const reference = Object.values(found)[0].mean;
  find('.legend').replaceChildren(...Object.entries(found).map(([name, {mean}], i) => {
    const line = document.createElement('span'), colour = document.createElement('i');
    colour.style.background = CURVES[name];
    const usual = {gan: 'GAN, loss before activation', psnr: 'PSNR'}[name];
    const title = name === 'network' ? `network ${sharesText('network')}` : titles[name] === TITLES[name] && usual || titles[name];
    line.dataset.curve = name;
    line.dataset.mean = mean;
    line.append(colour, `${title}: mean ${mean.toFixed(2)}` + (i ? ` (${signed(mean - reference)})` : ''));
    return line;
  }));
}
