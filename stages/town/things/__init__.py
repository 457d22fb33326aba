"""The shapes of the town: meshes of cars, people, trees and furniture, and what kind each is."""
