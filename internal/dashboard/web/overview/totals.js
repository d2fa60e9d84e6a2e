// Where events come from, and how many of them people were told of.
import { html } from "../components/html.js";
import { amount, share } from "../components/number.js";

/**
 * The largest counts, with bars.
 * @param {{title: string, of: Record<string, number>, total: number, parameter: string}} props parameter: by which /events shows those of a name
 */
export function Top({ title, of, total, parameter }) {
  const largest = Object.entries(of).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const id = `top-${parameter}`;
  return html`
    <section class="card" aria-labelledby=${id}><header><h2 id=${id}>${title}</h2><span class="soft">of the ${amount(total)} events in memory</span></header>
      ${largest.length === 0 ? html`<p class="soft">None yet.</p>` : html`<ul class="overview-bars">${largest.slice(0, 8).map(([name, n]) => html`<li key=${name}>
        <a class="cut" href=${`/events?${new URLSearchParams({ [parameter]: name })}`} title=${name}>${name}</a>
        <span class="overview-bar" aria-hidden="true"><span style=${{ width: `${(100 * n) / largest[0][1]}%` }}></span></span>
        <span class="number">${amount(n)}</span><span class="number soft">${share(n, total)}</span></li>`)}</ul>`}
    </section>`;
}

/** @type {[keyof import("../standing.js").Stats["noise"]["held_back"], string, string][]} */
const reasons = [
  ["silence", "silenced", "Somebody has silenced it"],
  ["window", "in a window", "Its time is in a window of the configuration"],
  ["inhibition", "inhibited", "A worse incident explains it"],
  ["group_wait", "grouped", "It waited for others of its group"],
  ["storm", "storm", "More incidents came than people can read, so it went into a digest; counted for each channel"],
  ["throttle", "throttled", "The channel may send no more, so it went into a digest; counted for each channel"],
];

/** @param {{noise: import("../standing.js").Stats["noise"]}} props */
export function Noise({ noise }) {
  const held = Object.values(noise.held_back).reduce((sum, n) => sum + n, 0);
  return html`
    <section class="card" aria-labelledby="noise"><header><h2 id="noise">Noise</h2><span class="soft">since the database was made</span></header>
      <ol class="noise-flow"><li><strong>${amount(noise.events)}</strong> events in</li>
        <li><strong>${amount(noise.incidents)}</strong> incidents <span class="soft">${share(noise.incidents, noise.events)}</span></li>
        <li><strong>${amount(noise.messages)}</strong> messages <span class="soft">${share(noise.messages, noise.events)}</span></li></ol>
      <h3>${amount(held)} held back</h3>
      <ul class="overview-bars">${reasons.map(([reason, word, why]) => html`<li key=${reason} title=${why}><span>${word}</span>
        <span class="overview-bar" aria-hidden="true"><span style=${{ width: `${held ? (100 * noise.held_back[reason]) / held : 0}%` }}></span></span>
        <span class="number">${amount(noise.held_back[reason])}</span><span class="number soft">${share(noise.held_back[reason], held)}</span></li>`)}</ul>
    </section>`;
}
