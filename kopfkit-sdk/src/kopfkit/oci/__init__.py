"""Container images as files: written without an engine, the same bytes from the same input.

`layers` packs directories, `dockerfile` reads what an image shall be, `layout` keeps images in a
directory (the OCI image layout), `assembly` puts them together. Registries and base images are
`kopfkit.image.ociimages`'; nothing here runs a program or uses the network.
"""
