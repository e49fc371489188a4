// page.js URL: the page of the API as a browser runs it: it shows all operations, finds one, logs in, and asks.
import { JSDOM, VirtualConsole } from "jsdom";

const base = process.argv[2];
const virtualConsole = new VirtualConsole();
virtualConsole.on("jsdomError", (error) => { throw error; });

const { window } = await JSDOM.fromURL(`${base}/api/docs#listApplications`, {
  runScripts: "dangerously",
  virtualConsole,
  beforeParse(window) { // what jsdom does not have
    window.fetch = (path, options) => fetch(new URL(path, base), options);
    Object.assign(window, { AbortController, TextDecoder });
    window.Element.prototype.scrollIntoView = () => {};
  },
});
const { document } = window;
const get = (selector) => document.querySelector(selector);

// Waits until it gives something, or the page says that something went wrong.
function until(what) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const bad = get(".bad");
      const found = what();
      if (bad)
        reject(new Error(bad.textContent));
      if (!bad && !found)
        return;
      observer.disconnect();
      resolve(found);
    };
    const observer = new window.MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, characterData: true });
    look();
  });
}

// It opens by itself, since the address names it.
const button = await until(() => get("#listApplications button"));
console.log("operations:", document.querySelectorAll(".op").length);
get("#search").value = "get listapplications";
get("#search").dispatchEvent(new window.Event("input"));
console.log("found:", ...[...document.querySelectorAll(".op:not([hidden])")].map(({ id }) => id));
get("#user").value = get("#password").value = "Admin";
get("#login button").click();
await until(() => get("#who").textContent === "Admin");
button.click();
await until(() => get("#listApplications pre")?.textContent && button.textContent === "send");
console.log("answer:", get("#listApplications strong").textContent, get("#listApplications pre").textContent);
window.close();
