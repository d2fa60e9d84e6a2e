// Whether alertd was upgraded since the page was loaded: pages that are loaded later are gone then.
import { effect, signal } from "./components/html.js";
import { ApiError, get } from "./api.js";
import { resyncs } from "./live.js";

export const upgraded = signal(false);

/** The version of alertd; "" until it is known. */
export const version = signal("");

/** Compares the versions after each lost connection. */
export async function watchVersion() {
  let known = "";
  const compare = async () => {
    try {
      const read = await get("/version");
      version.value = read.version;
      known ||= read.version + read.commit;
      upgraded.value = known !== read.version + read.commit;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  };
  effect(() => { if (resyncs.value >= 0) compare(); });
}
