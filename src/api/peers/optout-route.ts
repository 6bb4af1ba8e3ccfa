/** `POST /optout`: a code with which somebody opts out by saying `!<http.optout_name> optout CODE` in a recorded chat. */
import { ChatlogError } from '../../lib/errors.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { PeerError } from './peer-error.ts';

export function registerOptoutRoute(app: ApiApp, { privacyDesk }: ApiContext): void {
  app.post(
    '/optout',
    {
      // Whoever is recorded may ask not to be, also where reading needs a token.
      config: { scope: 'public', ignoresUnknown: true },
      schema: {
        tags: ['log viewers'],
        summary: 'A code to opt out with',
        description:
          'Good for 60 seconds: whoever says `!chatlog optout CODE` in a recorded chat is neither recorded nor served from then on.',
      },
    },
    async (_request, reply) => {
      if (!privacyDesk) throw new PeerError(503, 'This process does not record; ask the one that does');
      try {
        const code = privacyDesk.issueCode();
        return await reply.type('application/json; charset=utf-8').send(JSON.stringify(code));
      } catch (error) {
        if (error instanceof ChatlogError && error.code === 'optout_busy')
          throw new PeerError(503, 'Too many codes wait to be said; ask again in a minute');
        throw error;
      }
    },
  );
}
