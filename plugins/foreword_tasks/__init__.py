"""Tasks that come with Foreword: classification and generation."""
