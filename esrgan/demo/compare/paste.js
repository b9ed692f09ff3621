// @ts-check
// A picture pasted anywhere on the page is the visitor's picture.

addEventListener('paste', event => {
  const written = event.target instanceof Element && event.target.closest('input, textarea, [contenteditable]');
  const picture = [...event.clipboardData?.files ?? []].find(file => file.type.startsWith('image/'));
  const place = document.querySelector('#upload input[type=file]');
  if (written || !picture || !(place instanceof HTMLInputElement)) return;
  const chosen = new DataTransfer();
  chosen.items.add(picture);
  place.files = chosen.files;
  place.dispatchEvent(new Event('change', {bubbles: true}));
  event.preventDefault();
});
