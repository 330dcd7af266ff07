import { generateKeyPairSync, sign } from "node:crypto";

export interface CertificateOptions {
  /** DNS name of the certificate. @default localhost */
  readonly name?: string;
  /** @default an hour ago */
  readonly from?: Date;
  /** @default in an hour */
  readonly until?: Date;
}

export interface Certificate {
  /** PEM */
  readonly cert: string;
  /** PEM */
  readonly key: string;
}

const hour = 3_600_000;

/** A new self-signed certificate, which is also its own authority. https://www.rfc-editor.org/rfc/rfc5280 */
export function makeCertificate({
  name = "localhost",
  from = new Date(Date.now() - hour),
  until = new Date(Date.now() + hour),
}: CertificateOptions = {}): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signature = sequence(objectId([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
  const subject = sequence(der(0x31, sequence(objectId([0x55, 0x04, 0x03]), der(0x0c, Buffer.from(name)))));
  const alternative = sequence(der(0x82, Buffer.from(name)));
  const constraints = sequence(der(0x01, Buffer.from([0xff])));
  const body = sequence(
    der(0xa0, integer([2])),
    integer([1]),
    signature,
    subject,
    sequence(time(from), time(until)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    der(
      0xa3,
      sequence(
        sequence(objectId([0x55, 0x1d, 0x13]), der(0x04, constraints)),
        sequence(objectId([0x55, 0x1d, 0x11]), der(0x04, alternative)),
      ),
    ),
  );
  const bits = Buffer.concat([Buffer.from([0]), sign("sha256", body, privateKey)]);
  const text = sequence(body, signature, der(0x03, bits)).toString("base64").replaceAll(/.{64}/g, "$&\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...contents: Buffer[]): Buffer {
  return der(0x30, ...contents);
}

function integer(bytes: number[]): Buffer {
  return der(0x02, Buffer.from(bytes));
}

function objectId(bytes: number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function time(date: Date): Buffer {
  return der(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replaceAll(/[-T:]/g, "")}Z`));
}
