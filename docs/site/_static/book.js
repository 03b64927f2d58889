// Boxes that scroll sideways can be reached with the keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("div.highlight pre, div.math, .table-wrapper")) {
    box.tabIndex = 0;
  }
});

// Policies that move over the simplex: a slider or a button sets the time, circles and table follow.
const CORNERS = [[30, 330], [390, 330], [210, 18.2]];

function mover(scene) {
  const paths = JSON.parse(scene.dataset.paths), times = JSON.parse(scene.dataset.times);
  const slider = scene.querySelector("input"), shown = scene.querySelector("output"), button = scene.querySelector("button");
  let timer = null;
  const show = () => {
    const step = Number(slider.value);
    shown.textContent = times[step] < 10 ? times[step].toFixed(2) : times[step].toFixed(0);
    for (const [loss, path] of Object.entries(paths)) {
      const policy = path[step];
      const dot = scene.querySelector(`circle[data-loss="${loss}"]`);
      dot.setAttribute("cx", policy.reduce((sum, p, k) => sum + p * CORNERS[k][0], 0));
      dot.setAttribute("cy", policy.reduce((sum, p, k) => sum + p * CORNERS[k][1], 0));
      scene.querySelectorAll(`tr[data-loss="${loss}"] td`).forEach((cell, k) => { cell.textContent = policy[k].toFixed(3); });
    }
  };
  const stop = () => { clearInterval(timer); timer = null; button.textContent = "Play"; };
  button.addEventListener("click", () => {
    if (timer !== null) { stop(); return; }
    if (slider.value === slider.max) { slider.value = 0; }
    button.textContent = "Stop";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (slider.value === slider.max) { stop(); }
    }, 80);
  });
  slider.addEventListener("input", show);
  show();
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".moving").forEach(mover));
