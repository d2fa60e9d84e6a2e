// The other side of the webhook channels: /accepts takes every message, /refuses never will,
// /fails answers 503, /shaky does so the first time, and /hangs does not answer.
// A text that it is to say is its refusal: /says?…

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class Counterparts {
  private constructor(private server: Server) {}

  static async start(): Promise<Counterparts> {
    const status: Record<string, number> = { '/accepts': 204, '/refuses': 410, '/fails': 503, '/shaky': 503 };
    const server = createServer((request, response) => {
      request.resume();
      const says = request.url?.startsWith('/says?') && decodeURIComponent(request.url.slice('/says?'.length));
      if (says) {
        response.writeHead(410).end(says);
        return;
      }
      const code = status[request.url ?? ''];
      if (code) {
        response.writeHead(code).end();
        status['/shaky'] = request.url === '/shaky' ? 204 : status['/shaky'];
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Counterparts(server);
  }

  get url() {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
