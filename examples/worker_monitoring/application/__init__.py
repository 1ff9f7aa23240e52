"""The application layer, with the import paths of the document that worker monitoring is from."""
