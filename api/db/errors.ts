/** The database cannot be asked now; the API answers 503 and the same call may succeed in a moment. */
export class DatabaseAway extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseAway';
  }
}
