"""What `inviseobox check` looks at, one file each."""
