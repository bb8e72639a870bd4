// The search of a commons: words against the dreams of dreams.js. Loads nothing, writes text only.
"use strict";
(() => {
  const SHOWN = 100;
  const form = document.getElementById("search"), words = document.getElementById("words");
  const curve = document.getElementById("curve"), cards = document.getElementById("cards");
  const found = document.getElementById("found"), pages = document.getElementById("pages");
  const still = [...cards.childNodes];
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const index = DREAMS.map((dream) => plain(dream.title + "\n" + dream.text + "\n" + dream.tags.join("\n")));

  function element(name, text, parent) {
    const made = document.createElement(name);
    made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  function card(dream, asked) {
    const item = element("li", "");
    item.className = "card";
    const head = element("h3", "", item), link = element("a", dream.title, head);
    head.dir = "auto";
    link.href = dream.file;
    const at = Math.max(0, plain(dream.text).indexOf(asked[0] || "") - 60);
    const place = element("p", (at ? "… " : "") + dream.text.slice(at, at + 220), item);
    place.dir = "auto";
    return item;
  }

  function search() {
    const asked = plain(words.value).split(/\s+/).filter(Boolean);
    if (pages) pages.hidden = asked.length > 0 || curve.checked;
    if (!asked.length && !curve.checked) {
      found.textContent = "";
      cards.replaceChildren(...still);
      return;
    }
    const fits = DREAMS.filter(
      (dream, i) => (!curve.checked || dream.curve) && asked.every((word) => index[i].includes(word)));
    found.textContent = fits.length === 1 ? "1 dream" : fits.length + " dreams" +
      (fits.length > SHOWN ? ", the first " + SHOWN : "");
    cards.replaceChildren(...fits.slice(0, SHOWN).map((dream) => card(dream, asked)));
  }

  form.hidden = false;
  form.addEventListener("input", search);
  form.addEventListener("submit", (event) => event.preventDefault());
  search();
})();
