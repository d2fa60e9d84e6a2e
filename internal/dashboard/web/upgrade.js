// Whether alertd was upgraded since the page was loaded: pages that are loaded later are gone then.
import { effect, signal } from "./components/html.js";
import { ApiError, get } from "./api.js";
import { resyncs } from "./live.js";

export const upgraded = signal(false);

/** Compares the versions after each lost connection. */
export async function watchVersion() {
  let known = "";
  const read = async () => {
    try {
      const { version, commit } = await get("/version");
      known ||= version + commit;
      upgraded.value = known !== version + commit;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  };
  effect(() => { if (resyncs.value >= 0) read(); });
}
