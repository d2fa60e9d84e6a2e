// Where the dashboard begins.
import { html, render } from "./components/html.js";
import { ApiError } from "./api.js";
import { startLive } from "./live.js";
import { pending } from "./resource.js";
import { startRouter } from "./router.js";
import { loadSession, may, signInAddress } from "./session.js";
import { Shell, find } from "./shell.js";
import { startStanding } from "./standing.js";
import { watchVersion } from "./upgrade.js";
import { Failure } from "./components/states.js";
import "./settings.js";

async function begin() {
  find(location.pathname)?.page.load().catch(() => {}); // beside what follows; the shell says so if it fails
  try {
    await loadSession();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      location.replace(signInAddress());
      return;
    }
    render(html`<main class="bare"><h1>alertd</h1><${Failure} error=${error} retry=${() => location.reload()} /></main>`, document.body);
    setTimeout(begin, 5000);
    return;
  }
  document.body.replaceChildren();
  startRouter((path) => find(path) !== null);
  render(html`<${Shell} />`, document.body);
  pending.value--;
  if (may("read")) {
    startStanding();
    startLive();
    watchVersion();
  }
}

begin();
