// Modules without import maps fail in silence, so this is none.
if (!(HTMLScriptElement.supports && HTMLScriptElement.supports("importmap"))) {
  document.getElementById("status").textContent = "This browser is too old for the page: it needs import maps (Chrome 89, Firefox 108, Safari 16.4).";
}
