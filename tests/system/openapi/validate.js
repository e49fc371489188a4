// validate.js DOCUMENT: whether it is OpenAPI by OpenAPI's own schema, and all references lead somewhere.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";

const validator = new Validator();
const { valid, errors } = await validator.validate(JSON.parse(readFileSync(process.argv[2], "utf8")));
if (!valid) {
  console.error(JSON.stringify(errors, null, 2));
  process.exit(1);
}
validator.resolveRefs();
console.log("OpenAPI", validator.version);
