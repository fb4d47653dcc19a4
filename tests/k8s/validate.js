// validate.js TOOLS FILE...: Kubernetes objects in YAML against their schemas. Unknown kinds and unknown fields are errors.
// Exit status: 0 all good, 1 findings (on standard output).
'use strict';
const fs = require('fs');
const path = require('path');
const [tools, ...files] = process.argv.slice(2);
const modules = path.join(tools, 'node_modules');
const yaml = require(path.join(modules, 'yaml'));

// Kinds that other projects define: their names must be right, their insides are checked elsewhere.
const foreign = new Set(['monitoring.coreos.com/v1/PrometheusRule', 'monitoring.coreos.com/v1/PodMonitor',
  'monitoring.coreos.com/v1/ServiceMonitor']);

// The schemas are functions that look at the fields they know: what they never look at, no API server knows.
function watch(value, at, watched) {
  if (value === null || typeof value !== 'object') return value;
  const seen = { at, value, fields: new Set(), all: Array.isArray(value) };
  const inner = new Map();
  watched.push(seen);
  const field = (key) => {
    if (!inner.has(key)) inner.set(key, watch(value[key], `${at}.${key}`, watched));
    return inner.get(key);
  };
  return new Proxy(value, {
    get(target, key) {
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
  const file = path.join(modules, 'kubernetes-models', object.apiVersion, `${object.kind}.js`);
  if (!/^[a-z0-9./]+$/.test(object.apiVersion) || !/^[A-Za-z]+$/.test(object.kind) || !fs.existsSync(file)) return null;
  const name = Object.keys(require(file)).find((key) => key.startsWith('Io'));
  return require(path.join(modules, 'kubernetes-models', '_schemas', `${name}.js`)).validate;
}

function check(object, where) {
  if (!object || typeof object.apiVersion !== 'string' || typeof object.kind !== 'string')
    return [`${where}: no apiVersion and kind`];
  const name = `${where}: ${object.kind} ${object.metadata && object.metadata.name}`;
  if (foreign.has(`${object.apiVersion}/${object.kind}`)) return [];
  const validate = schemaOf(object);
  if (!validate) return [`${name}: unknown kind ${object.apiVersion}/${object.kind}`];
  const watched = [];
  const good = validate(watch(object, '', watched));
  const findings = good ? [] : validate.errors.map((e) => `${name}: ${e.instancePath} ${e.message || e.keyword} ${JSON.stringify(e.params)}`);
  for (const { at, value, fields, all } of watched)
    if (!all && fields.size > 0)
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
