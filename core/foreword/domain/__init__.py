"""What Foreword is about, as frozen values: no database, no protobuf, no torch."""
