"""What protoc writes of `proto/`: nothing here is edited by hand."""
