// A worker whose vitest was killed would go on with its test, and keep its servers.
process.once('disconnect', () => process.exit(1))
