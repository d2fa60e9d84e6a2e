// A real alertd: bin/alertd serve with a folder and a port of its own.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const binary = process.env.ALERTD ?? join(import.meta.dirname, '../../bin/alertd');

export type Role = 'ingest' | 'read' | 'operator' | 'admin';
export const roles: Role[] = ['ingest', 'read', 'operator', 'admin'];

/** The credentials of one worker: a token for each role, whose name is the role's. */
const credentials = new Map<Role, { token: string; entry: string }>();

function credential(role: Role) {
  let found = credentials.get(role);
  if (!found) {
    const printed = execFileSync(binary, ['token', 'new', '--name', role, '--role', role], { encoding: 'utf8' });
    found = { token: printed.split('\n', 1)[0], entry: printed.slice(printed.indexOf('[[')) };
    credentials.set(role, found);
  }
  return found;
}

export interface Options {
  /** TOML without [server], [storage] and tokens; by default alerting is on, and nothing else. */
  config?: string;
  /** Keys of [server]. */
  server?: string;
  /** Nobody is configured: everybody who reaches it may do everything. */
  open?: boolean;
  /** Events that are in the log before the start, as NDJSON: alertd import. */
  history?: string;
  /** Ends what the configuration refers to. */
  onStop?: () => Promise<unknown>;
}

/** Those that run. A test that failed while it started one has no hold of it. */
const running = new Set<Daemon>();
process.once('exit', () => running.forEach((daemon) => daemon.kill()));

export class Daemon {
  url = '';
  readonly folder = mkdtempSync(join(tmpdir(), 'alertd-e2e-'));
  readonly log: string[] = [];
  private process?: ChildProcess;
  private ended?: Promise<void>;

  private constructor(private options: Options) {}

  static async start(options: Options = {}): Promise<Daemon> {
    const daemon = new Daemon(options);
    running.add(daemon);
    daemon.writeConfig();
    if (options.history) {
      execFileSync(binary, ['import', '--config', daemon.file, '-'], { input: options.history });
    }
    try {
      await daemon.run();
      await daemon.reload(); // now it knows its public_url
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  private get file() {
    return join(this.folder, 'alertd.toml');
  }

  private writeConfig() {
    const { config = '[alerting]\nenabled = true\n', server = '', open } = this.options;
    const entries = open ? [] : roles.map((role) => credential(role).entry);
    writeFileSync(
      this.file,
      [
        `[server]\nlisten = "127.0.0.1:0"\npublic_url = "${this.url}"\n${server}`,
        ...entries,
        `[storage]\npath = "${join(this.folder, 'alertd.db')}"`,
        config,
      ].join('\n'),
    );
  }

  private async run() {
    const listen = this.url ? ['--listen', new URL(this.url).host] : [];
    const child = spawn(binary, ['serve', '--config', this.file, ...listen], { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
    this.process = child;
    this.ended = new Promise((resolve) => child.once('close', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      createInterface(child.stderr).on('line', (line) => {
        this.log.push(line);
        if (line.includes('"msg":"listening"')) {
          this.url = `http://${JSON.parse(line).addr}`;
          resolve();
        }
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error(`alertd has ended:\n${this.log.slice(-20).join('\n')}`)));
    });
  }

  /** Ends alertd as SIGTERM does. resume starts it again, at the same address. */
  async pause() {
    this.process?.kill('SIGTERM');
    await this.ended;
  }

  async resume() {
    await this.run();
  }

  /** Changes the configuration's file, and nothing else. */
  write(config = this.options.config) {
    this.options.config = config;
    this.writeConfig();
  }

  /** Takes over another configuration; without one, reads the same again. */
  async reload(config?: string) {
    this.write(config);
    await this.post('/-/reload', undefined, 'admin');
  }

  /** Ends alertd at once, and removes its folder. */
  kill() {
    this.process?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async stop() {
    await this.pause();
    await this.options.onStop?.();
    this.kill();
    running.delete(this);
    if (this.url && !this.log.at(-1)?.includes('"msg":"stopped"')) {
      throw new Error(`alertd did not end well:\n${this.log.slice(-20).join('\n')}`);
    }
  }

  token(role: Role) {
    return credential(role).token;
  }

  /** Asks the API. An answer that is no success is an error, with what it says. */
  async request(method: string, path: string, body?: unknown, role: Role = 'admin'): Promise<any> {
    const headers: Record<string, string> = this.options.open ? {} : { authorization: `Bearer ${this.token(role)}` };
    if (body !== undefined) {
      headers['content-type'] = 'application/json';
    }
    const answer = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    }
    return text === '' ? undefined : JSON.parse(text);
  }

  get(path: string, role?: Role) {
    return this.request('GET', path, undefined, role);
  }

  post(path: string, body?: unknown, role?: Role) {
    return this.request('POST', path, body, role);
  }

  /** Sends alerts, up to 10,000, and returns when each has come to its incident. */
  async alerts(...alerts: object[]) {
    const { results } = await this.post('/alerts', alerts);
    const bad = results.filter((r: any) => r.status === 'rejected');
    if (bad.length > 0) {
      throw new Error(`alerts are rejected: ${JSON.stringify(bad.slice(0, 3))}`);
    }
    const last = results.findLast((r: any) => r.status === 'registered');
    if (last) {
      await until(`the engine has folded ${alerts.length} alerts`, async () => (await this.get(`/events/${last.event_id}`)).incident_id);
    }
  }
}

/** Asks again and again until the answer is true, for at most a minute. */
export async function until(what: string, condition: () => Promise<unknown>) {
  for (const end = Date.now() + 60_000; ; ) {
    if (await condition()) {
      return;
    }
    if (Date.now() > end) {
      throw new Error(`it has not come so far that ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
