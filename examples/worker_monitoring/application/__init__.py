"""The application layer, with the import paths of the document that WCA's worker monitoring is from."""
