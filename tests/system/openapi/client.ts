// client.js URL DESCRIPTOR: the life of an application by the client that was made from the document.
// Its functions and types are all that is known here of the API.
import { client } from "./api/client.gen.js";
import * as api from "./api/index.js";

declare const process: { argv: string[] };

const [baseUrl, text] = process.argv.slice(2);
client.setConfig({ baseUrl, throwOnError: true });

async function login(username: string, password: string) {
  const { data } = await api.login({ body: { username, password }, throwOnError: true });
  client.setConfig({ auth: data.token });
}

// Reads what happens after a revision until an instance of the service (NAME.NAMESPACE) is in the state.
async function wait(service: string, since: number, state: string) {
  const controller = new AbortController();
  const { stream } = await api.watchEvents({ query: { since }, signal: controller.signal });

  for await (const event of stream) {
    const instance = event as unknown as Partial<api.Instance>;
    if (instance.service === service && instance.state === state)
      break;
  }
  controller.abort();
}

async function refused(status: number, call: Promise<{ error?: api._Error; response: Response }>) {
  const { error, response } = await call;
  if (response.status !== status || error?.code !== status || !error.message)
    throw new Error(`expected ${status}, got ${response.status}: ${JSON.stringify(error)}`);
}

const descriptor: api.DescriptorInput = JSON.parse(text);
await refused(401, api.listApplications({ throwOnError: false }));
await login("Admin", "Admin");
const { data: [made] } = await api.createApplications({ body: descriptor, throwOnError: true });
const { data: listed } = await api.listApplications({ throwOnError: true });
console.log("listed:", ...listed.map((app) => app.application_name));

const id = made.microservices[0];
const { data: before, response } = await api.getMicroservice({ path: { id }, throwOnError: true });
console.log("before:", before.microservice_name, before.instance_list.length);
await api.deployInstance({ path: { id }, throwOnError: true });
await wait(`${before.service_name}.${before.service_ns}`, Number(response.headers.get("Holm-Revision")), "RUNNING");
const { data: after } = await api.getMicroservice({ path: { id }, throwOnError: true });
console.log("after:", ...after.instance_list.map((instance) => instance.status));

await api.undeployInstance({ path: { id, number: 0 }, throwOnError: true });
await api.deleteApplication({ path: { id: made.applicationID }, throwOnError: true });
await refused(404, api.getApplication({ path: { id: made.applicationID }, throwOnError: false }));
const { data: left } = await api.listApplications({ throwOnError: true });
console.log("left:", left.length);
