// Asks a sidecar whether somebody may do something: node build/check.js ADDRESS User:ada read Page:home
//
// It ends with 0 for an allow, 2 for a deny, and 4 where there is no answer, which whoever calls it takes for a deny.

import { credentials, Metadata } from "@grpc/grpc-js";
import { CheckRequest, CheckResponse, Decision } from "./generated/pdp/v1/check";
import { DecisionServiceClient } from "./generated/pdp/v1/decision_service";
import { Entity } from "./generated/pdp/v1/value";

function entity(text: string): Entity {
  const [type, ...id] = text.split(":");
  return Entity.create({ type, id: id.join(":") });
}

function ask(client: DecisionServiceClient, request: CheckRequest): Promise<CheckResponse> {
  // Whoever waits for an answer for ever may as well have been denied.
  const deadline = Date.now() + 1000;
  return new Promise((resolve, reject) => {
    client.check(request, new Metadata(), { deadline }, (error, response) => {
      if (error) reject(error);
      else resolve(response);
    });
  });
}

async function main([address, principal, action, resource]: string[]): Promise<number> {
  const client = new DecisionServiceClient(address, credentials.createInsecure());
  const request = CheckRequest.create({
    principal: entity(principal),
    action,
    resource: entity(resource),
    // How they proved who they are. Values are typed: `true` is no "true", and 1 is no 1.0.
    session: {
      fields: {
        mfa: { kind: { $case: "boolValue", value: true } },
        authenticated_at: { kind: { $case: "stringValue", value: "2026-11-23T09:00:00Z" } },
      },
    },
    // Without this, an allow that comes with `log` would be told as a deny.
    handles: ["log"],
  });
  try {
    const answer = await ask(client, request);
    // Nothing but this one value is a yes: no other one, and not that the call went well.
    const allowed = answer.decision === Decision.DECISION_ALLOW;
    for (const obligation of answer.obligations) {
      console.log(`to do: ${obligation.name}`);
    }
    console.log(`${allowed ? "allow" : "deny"} by ${answer.determiningRules.join(", ") || "default"}`);
    return allowed ? 0 : 2;
  } finally {
    client.close();
  }
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error) => {
    console.error(`no answer: ${error.message}`);
    process.exit(4);
  },
);
