// The bars of the timeline, drawn by uPlot. It is loaded after the page is drawn.
import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef, useSignalEffect } from "../components/html.js";
import { theme, zone } from "../settings.js";
import { severities } from "../components/severity.js";
import { style } from "../components/style.js";
import { clock, exact } from "../components/time.js";

/** @typedef {import("./timeline.js").Histogram} Histogram */

export const ready = style(new URL("../vendor/uplot.css", import.meta.url).href);

const height = 168;
const least = 3; // px: whatever has come can be seen, also beside thousands of others

/** @param {string} name such as --critical */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

/**
 * The label of a time on the axis: its date if the day begins then.
 * @param {number} at seconds
 * @param {boolean} days whether the span is of several days
 */
function label(at, days) {
  const time = clock(1000 * at);
  return days && time.startsWith("00:00") ? exact(1000 * at).slice(5, 10) : time.slice(0, 5);
}

/**
 * @param {{data: Histogram, onPoint: (bucket: number) => void, onZoom: (since: number, until: number) => void, onOut: () => void}} props
 * onPoint: the number of the bucket under the pointer, -1: none; onZoom: milliseconds
 */
export function Chart(props) {
  const element = useRef(/** @type {HTMLDivElement | null} */ (null));
  const latest = useRef(props);
  latest.current = props;
  const plot = useRef(/** @type {import("../vendor/uplot.js").default | null} */ (null));

  useEffect(() => {
    const box = /** @type {HTMLDivElement} */ (element.current);
    const given = () => latest.current.data;
    const from = () => Date.parse(given().since) / 1000;
    const to = () => Date.parse(given().until) / 1000;
    /** @param {number} at seconds */
    const bucketAt = (at) => Math.floor((at - from()) / given().width_seconds);

    const u = new uPlot({
      width: box.clientWidth, height, legend: { show: false }, padding: [8, 20, 0, 0],
      tzDate: (at) => (zone.peek() === "utc" ? uPlot.tzDate(new Date(1000 * at), "Etc/UTC") : new Date(1000 * at)),
      scales: { x: { range: () => [from(), to()] }, y: { range: (_, __, max) => [0, Math.max(4, 1.08 * max)] } },
      series: [{}, { paths: () => null, points: { show: false } }], // the bars are drawn below
      axes: [
        { stroke: () => colour("--soft"), grid: { show: false }, ticks: { stroke: () => colour("--line"), width: 1, size: 4 }, size: 28, font: "12px system-ui, sans-serif", values: (_, at) => at.map((t) => label(t, to() - from() > 86_400)) },
        { stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false }, size: 48, font: "12px system-ui, sans-serif", incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8], values: (_, n) => n.map((v) => (v >= 10_000 ? `${v / 1000} k` : String(v))) },
      ],
      cursor: {
        y: false, points: { show: false }, drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => { latest.current.onOut(); return null; } },
      },
      hooks: {
        draw: [(u) => {
          const { ctx } = u;
          const bottom = u.valToPos(0, "y", true);
          const gap = devicePixelRatio;
          const colours = severities.map((s) => colour(s === "critical" ? "--critical-fill" : `--${s}`));
          for (const bucket of given().buckets) {
            const start = Date.parse(bucket.start) / 1000;
            const left = Math.round(u.valToPos(start, "x", true)) + gap;
            const right = Math.max(left + gap, Math.round(u.valToPos(start + given().width_seconds, "x", true)));
            let sum = 0;
            let y = bottom;
            for (const [i, severity] of severities.entries()) {
              if (!bucket[severity]) continue;
              sum += bucket[severity];
              const top = Math.min(y - least * devicePixelRatio, u.valToPos(sum, "y", true));
              ctx.fillStyle = colours[i];
              ctx.fillRect(left, top, right - left, y - top - (y < bottom ? gap : 0));
              y = top;
            }
          }
        }],
        setCursor: [(u) => {
          const { left } = u.cursor;
          latest.current.onPoint(left === undefined || left < 0 ? -1 : bucketAt(u.posToVal(left, "x")));
        }],
        setSelect: [(u) => {
          const { left, width } = u.select;
          if (width < 4) return;
          const wide = 1000 * given().width_seconds;
          const first = bucketAt(u.posToVal(left, "x"));
          const last = bucketAt(u.posToVal(left + width - 1, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.onZoom(1000 * from() + first * wide, 1000 * from() + (last + 1) * wide);
        }],
      },
    }, values(given()), box);
    plot.current = u;
    const watch = new ResizeObserver(() => u.setSize({ width: box.clientWidth, height }));
    watch.observe(box);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const recolour = () => u.redraw();
    dark.addEventListener("change", recolour);
    return () => {
      watch.disconnect();
      dark.removeEventListener("change", recolour);
      u.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(values(props.data)), [props.data]);
  useSignalEffect(() => {
    void [theme.value, zone.value];
    requestAnimationFrame(() => plot.current?.setData(values(latest.current.data)));
  });
  return html`<div ref=${element}></div>`;
}

/**
 * The times and totals of the buckets, by which uPlot makes the scales.
 * @param {Histogram} data
 * @returns {[number[], number[]]}
 */
const values = (data) => [data.buckets.map((b) => Date.parse(b.start) / 1000), data.buckets.map((b) => severities.reduce((sum, s) => sum + b[s], 0))];
