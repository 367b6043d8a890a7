// An OpenID provider for tests: `node provider.mjs FOLDER PORT CALLBACK SECRET`, FOLDER holding node_modules.
// panva's oidc-provider (certified by the OpenID Foundation) with its own pages: any login, any password.
import { pathToFileURL } from "node:url";

const [folder, port, callback, secret] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${folder}/node_modules/oidc-provider/lib/index.js`));

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{
    client_id: "desk", client_secret: secret, redirect_uris: [callback],
    response_types: ["code"], grant_types: ["authorization_code"],
  }],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
  async loadExistingGrant(ctx) { // an agency's own service does not ask its staff for consent
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile");
    await grant.save();
    return grant;
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
