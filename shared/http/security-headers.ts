/**
 * What every answer tells a browser: never guess a type, never frame, never load anything. Fixed text, because
 * `@fastify/helmet` builds it anew for each request, which halves the requests per second; a test compares the two.
 */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none';frame-ancestors 'none'",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
