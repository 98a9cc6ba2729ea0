// A real identity provider for the tests: `oidc-provider`, told what to do by lines of JSON.
//
//   node provider.mjs MODULES CERTIFICATE KEY
//
// MODULES is the folder that npm installed into. The first line of its input configures it: `clients`, `resources` (the
// algorithm that tokens for each are signed by) and `keys`. Each later one may name the `keys` that it has from then on;
// the first of them signs. For each line it writes one, of what it was asked so far; when its input ends, so does it.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { parse, stringify } from 'node:querystring';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules, certificate, key] = process.argv.slice(2);
const found = createRequire(`${modules}/`).resolve('oidc-provider');
const { Provider, errors } = await import(pathToFileURL(found).href);
const jose = await import(pathToFileURL(createRequire(found).resolve('jose')).href);

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const HOUR = 3600;

// ---------------------------------------------------------------------------------------------------- what it remembers

// Each change of its keys makes another provider, which goes on with this.
const stored = new Map();

class Adapter {
  constructor(model) {
    this.name = (id) => `${model}:${id}`;
  }

  async upsert(id, payload) {
    stored.set(this.name(id), payload);
  }

  async find(id) {
    return stored.get(this.name(id));
  }

  async findByUid(uid) {
    return [...stored].find(([name, each]) => name.startsWith(this.name('')) && each.uid === uid)?.[1];
  }

  async consume(id) {
    stored.get(this.name(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    stored.delete(this.name(id));
  }

  async revokeByGrantId(grant) {
    for (const [name, each] of stored) if (each.grantId === grant) stored.delete(name);
  }
}

// -------------------------------------------------------------------------------------------------------------- keys

const made = new Map();

function pair(name) {
  if (!made.has(name)) {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    made.set(name, [
      { ...rsa, kid: `${name}-rsa`, alg: 'RS256', use: 'sig' },
      { ...ec, kid: `${name}-ec`, alg: 'ES256', use: 'sig' },
    ]);
  }
  return made.get(name);
}

async function verified(token, provider, keys) {
  const open = keys.map(({ kty, kid, alg, use, n, e, crv, x, y }) => ({ kty, kid, alg, use, n, e, crv, x, y }));
  const set = jose.createLocalJWKSet({ keys: JSON.parse(JSON.stringify(open)) });
  return (await jose.jwtVerify(token, set, { issuer: provider.issuer })).payload;
}

// ------------------------------------------------------------------------------------------------------------- tokens

// What a token says besides, by the request for it that exchanges another.
const exchanged = new WeakMap();

function extraTokenClaims(ctx, token) {
  const code = ctx.oidc.entities.AuthorizationCode;
  if (code) return { acr: code.acr, amr: code.amr, auth_time: code.authTime, sid: token.sid };
  return exchanged.get(ctx);
}

// Its endpoints for introspection and revocation know opaque tokens alone. So what a JWT says is stored under its id, and
// these endpoints are asked about the id (`opaque`).
async function remember(ctx, token, { payload: { jti, iat, exp, aud } }) {
  const { kind, clientId, accountId, grantId, scope, sid, jkt, extra } = token;
  const told = { jti, iat, exp, aud, kind, clientId, accountId, grantId, scope, sid, jkt, extra };
  await token.adapter.upsert(jti, JSON.parse(JSON.stringify(told)));
}

function opaque(provider, keys) {
  return async (ctx, next) => {
    if (['/token/introspection', '/token/revocation'].includes(ctx.path) && ctx.method === 'POST') {
      const chunks = [];
      for await (const chunk of ctx.req) chunks.push(chunk);
      const body = parse(Buffer.concat(chunks).toString());
      try {
        body.token = (await verified(body.token, provider, keys)).jti;
      } catch {
        // It is none of this provider's: the endpoint says what it says of such.
      }
      ctx.req.body = stringify(body);
    }
    await next();
  };
}

// Whoever signs in says so in the request: `login_hint` is who, and `acr_values` with what.
function signIn(provider) {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    const strong = params.acr_values === 'phr';
    const login = {
      accountId: params.login_hint,
      acr: strong ? 'phr' : 'pwd',
      amr: strong ? ['pwd', 'hwk', 'mfa'] : ['pwd'],
    };
    ctx.respond = false;
    return provider.interactionFinished(ctx.req, ctx.res, { login }, { mergeWithLastSubmission: false });
  };
}

// RFC 8693: the client that asks acts for whoever the token that it brings is of.
function exchange(provider, keys, resource) {
  return async (ctx) => {
    const { client, params } = ctx.oidc;
    const claims = await verified(params.subject_token, provider, keys).catch(() => {
      throw new errors.InvalidGrant('the token that it brings is none of this provider');
    });
    const { sub: accountId, acr, amr, auth_time, sid, act } = claims;
    const grant = new provider.Grant({ clientId: client.clientId, accountId });
    grant.addResourceScope(params.resource, 'api');
    const token = new provider.AccessToken({ accountId, client, grantId: await grant.save(), scope: 'api' });
    token.resourceServer = new provider.ResourceServer(params.resource, resource(params.resource));
    exchanged.set(ctx, { acr, amr, auth_time, sid, act: { sub: client.clientId, act } });
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: token.expiration,
    };
  };
}

// ------------------------------------------------------------------------------------------------------- the provider

function provide(issuer, { clients, resources, lifetime }, names) {
  const keys = names.flatMap(pair);
  const resource = (identifier) => {
    if (!(identifier in resources)) throw new errors.InvalidTarget();
    const sign = { alg: resources[identifier] };
    return { scope: 'api', audience: identifier, accessTokenFormat: 'jwt', jwt: { sign } };
  };
  const provider = new Provider(issuer, {
    adapter: Adapter,
    jwks: { keys },
    clients,
    cookies: { keys: ['of tests'] },
    scopes: ['openid'],
    acrValues: ['phr', 'pwd'],
    claims: { openid: ['sub'], acr: null, amr: null, auth_time: null, sid: null },
    ttl: { Grant: HOUR, IdToken: HOUR, Interaction: HOUR, Session: HOUR, AccessToken: lifetime, ClientCredentials: lifetime },
    extraTokenClaims,
    formats: { customizers: { jwt: remember } },
    // It calls nobody on this machine unless it is told to.
    fetch: (url, { dispatcher, ...rest }) => fetch(url, rest),
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid');
      for (const each of Object.keys(resources)) grant.addResourceScope(each, 'api');
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      dPoP: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = form; } },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, identifier) => resource(identifier),
        useGrantedResource: () => true,
      },
    },
  });
  provider.registerGrantType(EXCHANGE, exchange(provider, keys, resource), ['subject_token', 'subject_token_type', 'resource']);
  provider.use(signIn(provider));
  provider.use(opaque(provider, keys));
  for (const event of ['server_error', 'backchannel.error', 'grant.error']) {
    provider.on(event, (ctx, error) => console.error(event, error));
  }
  return provider.callback();
}

let answer;
const asked = new Map();
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (req, res) => {
  const path = req.url.split('?')[0];
  asked.set(path, (asked.get(path) ?? 0) + 1);
  answer(req, res);
});
server.listen(0, '127.0.0.1', async () => {
  const issuer = `https://localhost:${server.address().port}`;
  let options;
  for await (const line of createInterface({ input: process.stdin })) {
    const told = JSON.parse(line);
    options ??= told;
    if (told.keys) answer = provide(issuer, options, told.keys);
    console.log(JSON.stringify({ issuer, asked: Object.fromEntries(asked) }));
  }
  process.exit(0);
});
