// validate.js TOOLS FILE...: Kubernetes objects in YAML against their schemas. Unknown kinds and unknown fields are errors.
// Exit status: 0 all good, 1 findings (on standard output).
'use strict';
const fs = require('fs');
const path = require('path');
const [tools, ...files] = process.argv.slice(2);
const modules = path.join(tools, 'node_modules');
const yaml = require(path.join(modules, 'yaml'));

// The schemas are functions that look at the fields they know: what they never look at, no API server knows.
function watch(value, at, watched) {
  if (value === null || typeof value !== 'object') return value;
  const seen = { at, value, fields: new Set(), looked: false, all: Array.isArray(value) };
  const inner = new Map();
  watched.push(seen);
  const field = (key) => {
    if (!inner.has(key)) inner.set(key, watch(value[key], `${at}.${key}`, watched));
    return inner.get(key);
  };
  return new Proxy(value, {
    get(target, key) {
      if (typeof key !== 'symbol') seen.looked = true;
      if (typeof key === 'symbol' || !Object.hasOwn(target, key) || (seen.all && key === 'length')) return target[key];
      seen.fields.add(key);
      return field(key);
    },
    ownKeys(target) {
      seen.all = true;
      return Reflect.ownKeys(target);
    },
  });
}

function schemaOf(object) {
  if (!/^[a-z0-9./]+$/.test(object.apiVersion) || !/^[A-Za-z]+$/.test(object.kind)) return null;
  const file = path.join(modules, 'kubernetes-models', object.apiVersion, `${object.kind}.js`);
  let name, from = path.join(modules, 'kubernetes-models');
  if (fs.existsSync(file)) {
    name = Object.keys(require(file)).find((key) => key.startsWith('Io'));
  } else {
    // The Prometheus operator's, from its own definitions.
    from = path.join(modules, '@kubernetes-models', 'prometheus-operator');
    name = object.apiVersion.split(/[./]/).map((part) => part[0].toUpperCase() + part.slice(1)).join('') + object.kind;
  }
  const schema = path.join(from, '_schemas', `${name}.js`);
  return fs.existsSync(schema) ? require(schema).validate : null;
}

function check(object, where) {
  if (!object || typeof object.apiVersion !== 'string' || typeof object.kind !== 'string')
    return [`${where}: no apiVersion and kind`];
  const name = `${where}: ${object.kind} ${object.metadata && object.metadata.name}`;
  const validate = schemaOf(object);
  if (!validate) return [`${name}: unknown kind ${object.apiVersion}/${object.kind}`];
  const watched = [];
  const good = validate(watch(object, '', watched));
  const findings = good ? [] : validate.errors.map((e) => `${name}: ${e.instancePath} ${e.message || e.keyword} ${JSON.stringify(e.params)}`);
  for (const { at, value, fields, looked, all } of watched)
    if (!all && looked)
      for (const key of Object.keys(value)) if (!fields.has(key)) findings.push(`${name}: unknown field ${at}.${key}`);
  return findings;
}

let count = 0;
const findings = [];
for (const file of files)
  for (const document of yaml.parseAllDocuments(fs.readFileSync(file, 'utf8'))) {
    findings.push(...document.errors.map((e) => `${file}: ${e.message}`));
    const object = document.toJS();
    if (object === null) continue;
    count++;
    findings.push(...check(object, path.basename(file)));
  }
for (const finding of findings) console.log(finding);
console.log(`${count} objects, ${findings.length} findings`);
process.exit(findings.length > 0 || count === 0 ? 1 : 0);
