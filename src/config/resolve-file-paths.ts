import { resolve } from 'node:path';
import type { Config } from './schema.ts';

/** The configuration with every path absolute: relative ones are meant from the configuration file's directory. */
export function resolveFilePaths(config: Config, directory: string): Config {
  const absolute = (path: string) => resolve(directory, path);
  const withCa = <T extends { tls_ca_file?: string }>(section: T): T =>
    section.tls_ca_file === undefined ? section : { ...section, tls_ca_file: absolute(section.tls_ca_file) };
  const networks = Object.entries(config.irc).map(([name, network]) => {
    const { sasl } = network;
    if (!sasl) return [name, withCa(network)] as const;
    const files = {
      ...(sasl.cert_file === undefined ? {} : { cert_file: absolute(sasl.cert_file) }),
      ...(sasl.key_file === undefined ? {} : { key_file: absolute(sasl.key_file) }),
    };
    return [name, withCa({ ...network, sasl: { ...sasl, ...files } })] as const;
  });
  return {
    ...config,
    data_dir: absolute(config.data_dir),
    archive: { ...config.archive, directory: absolute(config.archive.directory) },
    irc: Object.fromEntries(networks),
    ...(config.twitch ? { twitch: withCa(config.twitch) } : {}),
    ...(config.s3 ? { s3: withCa(config.s3) } : {}),
  };
}
