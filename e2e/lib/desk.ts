// The desk: an alertd in the afternoon of the trading day in testdata/tradingday, on which each
// state of each page can be seen. docs: README.md beside this folder.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Counterparts } from './counterparts.ts';
import { Daemon, until } from './daemon.ts';

interface DayAlert {
  /** Milliseconds since the midnight that begins the day. */
  at: number;
  alert: Record<string, unknown>;
}

function tradingDay(): DayAlert[] {
  const file = join(import.meta.dirname, '../../testdata/tradingday/alerts.jsonl.gz');
  const lines = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
  return lines.map((line) => {
    const { at, alert } = JSON.parse(line);
    return { at: Date.parse(`1970-01-01T${at}Z`), alert };
  });
}

const hour = 3_600_000;

/** The day until half past three is history; what comes then is sent, and makes incidents. */
const present = 15.5 * hour;

export const config = (counterparts: string) => `
[alerting]
enabled = true
min_severity = "info"
default_channels = ["desk", "log", "pager"]

[[alerting.routes]]
name = "critical"
match = { min_severity = "critical" }
channels = ["pager", "desk", "log"]

[[alerting.routes]]
name = "orders"
match = { category = ["execution_error"], source = ["strategy_*"] }
channels = ["desk"]
group_by = ["category", "context.venue"]
group_wait = "10s"

[[alerting.routes]]
name = "performance"
match = { category = ["performance"] }
channels = ["slow", "gone"]

[[alerting.routes]]
name = "limits"
match = { category = ["risk_limit"] }
channels = ["desk", "flaky", "shaky"]

[[alerting.routes]]
name = "nobody"
match = { category = ["data_quality"], max_severity = "warning" }
channels = []

[[alerting.promotions]]
name = "insists"
match = { category = ["compliance"], max_severity = "warning" }
count = 4
within = "15m"
to = "error"

[[alerting.inhibitions]]
name = "halted"
while = { source = ["kill_switch"], min_severity = "critical" }
hold = { category = ["execution_error"], not = { source = ["kill_switch"] } }
equal = ["context.venue"]

[[alerting.heartbeats]]
name = "var-engine"
every = "1h"
severity = "critical"
category = "system_health"

[[alerting.heartbeats]]
name = "nightly-report"
every = "1d"
severity = "warning"
category = "compliance"

[[alerting.heartbeats]]
name = "market-data"
every = "1s"
grace = "1s"
severity = "critical"
category = "data_quality"

[[alerting.heartbeats]]
name = "fix-gateway"
every = "1h"
severity = "error"
category = "execution_error"

[[alerting.calendars]]
name = "nights"
time_zone = "Europe/Berlin"
hours = ["22:00-06:00"]

[[alerting.calendars]]
name = "always"
time_zone = "UTC"

[[alerting.windows]]
name = "nightly-batch"
match = { source = ["batch_*"] }
during = "nights"

[[alerting.windows]]
name = "rehearsal"
match = { source = ["rehearsal_*"] }
during = "always"

[alerting.channels.pager]
kind = "webhook"
enabled = true
url = "${counterparts}/accepts"
min_severity = "critical"

[alerting.channels.desk]
kind = "webhook"
enabled = true
url = "${counterparts}/accepts"
rate_limit = "10/h"

[alerting.channels.log]
kind = "logfile"
enabled = true
path = "alerts.log"

[alerting.channels.flaky]
kind = "webhook"
enabled = true
url = "${counterparts}/fails"
fallback = "log"

[alerting.channels.shaky]
kind = "webhook"
enabled = true
url = "${counterparts}/shaky"

[alerting.channels.slow]
kind = "webhook"
enabled = true
url = "${counterparts}/hangs"
timeout = "1s"

[alerting.channels.gone]
kind = "webhook"
enabled = true
url = "${counterparts}/refuses"

[alerting.channels.console]
enabled = false
`;

/** What comes after the day: what it lacks. */
const evening = [
  { severity: 'critical', category: 'system_health', source: 'kill_switch', message: 'Trading on XPAR is halted', context: { venue: 'XPAR', by: 'risk desk' } },
  ...[1, 2, 3].map((n) => ({
    severity: 'error', category: 'execution_error', source: `strategy_${n}`, message: `Order ${n}00${n} was rejected: the market is halted`,
    context: { venue: 'XPAR', order: { id: `${n}00${n}`, side: 'buy', quantity: 250 * n, price: 101.25 }, tags: ['algo', 'dark'] },
  })),
  { severity: 'warning', category: 'system_health', source: 'rehearsal_failover', message: 'The second site has taken over' },
  ...['BTC-EUR', 'ETH-EUR'].map((position) => ({
    severity: 'error', category: 'risk_limit', source: 'var_engine', message: `VaR limit breached: 0.05 > 0.03`, context: { position, var: 0.05, limit: 0.03 },
  })),
  { severity: 'warning', category: 'data_quality', source: 'feed_xetr', message: 'No price of SAP for 30 s', context: { symbol: 'SAP' } },
  { severity: 'info', category: 'other', source: 'scheduler', message: 'The end of day begins' },
  { severity: 'critical', category: 'position_violation', source: 'position_gate', message: 'Position of DAX futures is 1,250 lots, the limit is 1,000', context: { position: 'FDAX', lots: 1250, limit: 1000 } },
];

export async function startDesk(): Promise<Daemon> {
  const counterparts = await Counterparts.start();
  const day = tradingDay();
  const shift = Date.now() - (day.at(-1)!.at + 1000);
  const shifted = ({ at, alert }: DayAlert) => ({ ...alert, timestamp: new Date(shift + at).toISOString() });
  const history = day.filter((a) => a.at < present);
  const daemon = await Daemon.start({
    config: config(counterparts.url),
    onStop: () => counterparts.stop(),
    history: history.map((a) => JSON.stringify(shifted(a))).join('\n'),
  });
  await daemon.post('/heartbeats/var-engine', {});
  await daemon.post('/heartbeats/market-data', {}); // and then no more
  await daemon.post('/heartbeats/fix-gateway', { status: 'failing', message: 'No session with XETR' });
  await daemon.post('/silences', { match: { source: ['latency_monitor'] }, duration: '2h', comment: 'The switch is being replaced' }, 'operator');
  await daemon.post('/silences', { match: { category: ['data_quality'] }, starts_at: new Date(Date.now() + hour).toISOString(), ends_at: new Date(Date.now() + 3 * hour).toISOString(), comment: 'Maintenance of the feeds' }, 'operator');
  const over = await daemon.post('/silences', { match: { source: ['risk_engine_3'] }, duration: '1h', comment: 'A test' }, 'operator');
  await daemon.request('DELETE', `/silences/${over.silence_id}`, undefined, 'operator');

  await daemon.alerts(...day.filter((a) => a.at >= present).map(shifted));
  await daemon.alerts(...evening);
  const { incidents } = await daemon.get('/incidents?status=triggered&limit=12');
  for (const [n, { incident_id }] of incidents.entries()) {
    if (n % 4 === 1) {
      await daemon.post(`/incidents/${incident_id}/acknowledge`, { note: 'I am looking at it' }, 'operator');
    } else if (n % 4 === 3) {
      await daemon.post(`/incidents/${incident_id}/resolve`, { note: 'Restarted the component' }, 'operator');
    }
  }
  await until('a heartbeat is missed, and channels fail', async () => {
    const { heartbeats } = await daemon.get('/heartbeats');
    const { channels } = await daemon.get('/channels');
    const health = new Set(channels.map((c: any) => c.health));
    return heartbeats.some((h: any) => h.status === 'missed') && health.has('failing') && health.has('degraded');
  });
  return daemon;
}

/** Alerts that make n incidents of several severities, categories and sources. */
export function distinctAlerts(n: number) {
  const severities = ['warning', 'error', 'warning', 'critical', 'info'];
  const categories = ['risk_limit', 'position_violation', 'execution_error', 'data_quality', 'system_health', 'compliance', 'performance', 'other'];
  return Array.from({ length: n }, (_, i) => ({
    severity: severities[i % severities.length],
    category: categories[i % categories.length],
    source: `component_${i % 40}`,
    message: `Component ${i % 40} reports problem ${i}`,
    dedup_key: `problem-${i}`,
    context: { host: `fra-${i % 40}`, position: `BTC-${i}`, limit: 0.03, value: i / 1000 },
  }));
}

/** Starts an alertd with n open incidents, and tells nobody of them. */
export async function startWithIncidents(n: number): Promise<Daemon> {
  const daemon = await Daemon.start({ config: '[alerting]\nenabled = true\nmin_severity = "info"\ndefault_channels = []\n' });
  for (let from = 0; from < n; from += 5000) {
    await daemon.alerts(...distinctAlerts(n).slice(from, from + 5000));
  }
  return daemon;
}
