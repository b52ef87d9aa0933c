import { afterAll, beforeAll } from 'vitest';
import { startSshServer, type SshServer, type SshServerOptions } from '../../rig/ssh/index.ts';

/** An ssh server for all tests of the file or of the `describe` around it; stopped after them. */
export function useSshServer(options: SshServerOptions = {}): () => SshServer {
  let server: SshServer | undefined;
  beforeAll(async () => {
    server = await startSshServer({ keyExchange: 'cheapest', ...options });
  });
  afterAll(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error('the ssh server runs only while tests do');
    return server;
  };
}
