(function () {
  var own = document.currentScript;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var templates = TEMPLATES;
  var waiting = null;
  function draw(place) {
    var figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    figure.layout.template = templates[dark.matches ? "dark" : "light"];
    figure.layout.paper_bgcolor = figure.layout.plot_bgcolor = "rgba(0,0,0,0)";
    if (dark.matches) {
      (figure.data || []).forEach(function (trace) {
        ["line", "marker"].forEach(function (part) { if (trace[part] && trace[part].color === "INK") { trace[part].color = "#e6eaef"; } });
      });
    }
    Plotly.react(place, figure.data, figure.layout, {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"]});
  }
  function ask(place) {  // plotly.js is fetched when the first figure is near, so that the page itself is there at once
    if (window.Plotly) { draw(place); return; }
    if (waiting) { waiting.push(place); return; }
    waiting = [place];
    var script = document.createElement("script");
    script.nonce = own.nonce;
    script.src = own.dataset.plotly;
    script.onload = function () { waiting.forEach(draw); waiting = []; };
    script.onerror = function () { waiting.forEach(function (p) { p.textContent = "The script that draws figures is not where it should be."; }); };
    document.head.appendChild(script);
  }
  var places = Array.prototype.slice.call(document.querySelectorAll(".plot"));
  window.addEventListener("load", function () {
    var watch = new IntersectionObserver(function (seen) {
      seen.forEach(function (entry) { if (entry.isIntersecting) { watch.unobserve(entry.target); ask(entry.target); } });
    }, {rootMargin: "200px"});
    places.forEach(function (place) { watch.observe(place); });
  });
  dark.addEventListener("change", function () { places.forEach(function (place) { if (place.data) { draw(place); } }); });
})();
